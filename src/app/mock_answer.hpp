// What the test model says: from one request to the bytes of its answer, piece by piece. No sockets; mock_server.hpp sends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"

namespace sluice::app {

// One line of a script file: the first whose `when` is in the last user message answers.
struct script_line {
  std::string when;                        // empty: always
  std::string answer;
  std::optional<std::string> tool;         // answers with a call of this tool; `answer` is then its arguments
};
[[nodiscard]] result<std::vector<script_line>> parse_script(const std::string& file, std::string_view bytes);

struct mock_options {
  milliseconds delay{0};     // before a plain answer, and between tokens of a stream
  milliseconds slow{5000};   // before the first byte, of the model mock-slow
  std::vector<script_line> script = {};
};

struct mock_request {
  std::string_view method, path, body;
  std::uint8_t minor_version = 1;
};

// The rest of an answer. next() appends bytes and says how to go on.
class mock_answer {
 public:
  struct step {
    enum class then : std::uint8_t { more, finished, close } what = then::finished;
    milliseconds wait{0};  // before the next call
  };
  virtual ~mock_answer() = default;
  [[nodiscard]] virtual milliseconds first_wait() const = 0;
  [[nodiscard]] virtual step next(std::string& out) = 0;
};

// `number` makes ids distinct; `now` is what `created` says.
[[nodiscard]] std::unique_ptr<mock_answer> answer_to(const mock_request& request, const mock_options& options,
                                                     std::uint64_t number, wall_time now);

// As a model would stream it: words with the space before them, long ones in pieces of four code points.
[[nodiscard]] std::vector<std::string> tokens_of(std::string_view text);

}  // namespace sluice::app
