// Hyperscan's compiler, in this process. Always hs_compile_ext_multi's family, never the literal API, which loses matches.
#include "sluice/match/compiler.hpp"

#include <hs.h>

#include <cstdlib>

#include "sluice/match/classifier.hpp"

namespace sluice::match {
namespace {

class in_process final : public compile_backend {
 public:
  result<std::string> compile(const pattern_set& set) override {
    std::vector<const char*> expressions;
    std::vector<unsigned> flags, ids;
    for (const auto& p : set.patterns) {
      expressions.push_back(p.expression.c_str());
      flags.push_back(p.flags);
      ids.push_back(static_cast<unsigned>(ids.size()));
    }
    hs_database_t* db = nullptr;
    hs_compile_error_t* why = nullptr;
    const hs_platform_info_t plainest{.tune = HS_TUNE_FAMILY_GENERIC, .cpu_features = 0, .reserved1 = 0, .reserved2 = 0};
    const auto rc = hs_compile_multi(expressions.data(), flags.data(), ids.data(), static_cast<unsigned>(ids.size()),
                                     HS_MODE_BLOCK, set.plainest ? &plainest : nullptr, &db, &why);
    // Hyperscan blames the first pattern for it: without its help nothing would be gained.
    if (rc != HS_SUCCESS && why != nullptr && std::string_view(why->message).starts_with("Unable to allocate memory")) {
      hs_free_compile_error(why);
      return fail(errc::limit, "they need more memory than the compiler may have");
    }
    if (rc != HS_SUCCESS) {
      std::string message = why != nullptr && why->expression >= 0 ? "pattern " + std::to_string(why->expression) + ": " : "";
      message += why != nullptr ? why->message : "out of memory";
      hs_free_compile_error(why);
      return fail(errc::invalid_argument, message);
    }
    char* bytes = nullptr;
    std::size_t length = 0;
    const auto packed = hs_serialize_database(db, &bytes, &length);
    hs_free_database(db);
    if (packed != HS_SUCCESS) return fail(errc::internal, "a pattern database could not be serialised");
    std::string out(bytes, length);
    std::free(bytes);  // Hyperscan's misc allocator is malloc unless set
    return out;
  }

  result<void> try_classifier(std::string_view bytes) override {
    const auto made = load_classifier(bytes);
    if (!made) return std::unexpected(made.error());
    return {};
  }
};

}  // namespace

std::unique_ptr<compile_backend> in_process_backend() { return std::make_unique<in_process>(); }

std::string platform_tag() {
  hs_platform_info_t here{};
  hs_populate_platform(&here);
  return std::string(hs_version()) + "/" + std::to_string(here.tune) + "/" + std::to_string(here.cpu_features);
}

std::uint32_t single_match_flags() { return HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY | HS_FLAG_DOTALL; }

}  // namespace sluice::match
