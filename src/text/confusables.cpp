// Look-alikes by the shape of the letter, for case-folded text; the idea of UTS #39 restricted to single letters that stand for a
// single ASCII letter. Digits are left out: a rule about numbers must never see a letter become one.
#include "confusables.hpp"

#include <algorithm>
#include <array>

namespace sluice::text {
namespace {

struct look_alike {
  char32_t from;
  char to;
};

constexpr std::array table = std::to_array<look_alike>({
    {0x0131, 'i'}, {0x017f, 's'}, {0x0251, 'a'}, {0x0261, 'g'}, {0x0269, 'i'}, {0x026a, 'i'}, {0x0280, 'r'},
    // Greek
    {0x03b1, 'a'}, {0x03b3, 'y'}, {0x03b5, 'e'}, {0x03b7, 'n'}, {0x03b9, 'i'}, {0x03ba, 'k'}, {0x03bd, 'v'}, {0x03bf, 'o'}, {0x03c1, 'p'},
    {0x03c2, 'c'}, {0x03c3, 'o'}, {0x03c4, 't'}, {0x03c5, 'u'}, {0x03c7, 'x'}, {0x03c9, 'w'}, {0x03b2, 'b'}, {0x03f2, 'c'}, {0x03f3, 'j'},
    // Cyrillic
    {0x0430, 'a'}, {0x0432, 'b'}, {0x0433, 'r'}, {0x0435, 'e'}, {0x043a, 'k'}, {0x043c, 'm'}, {0x043d, 'h'}, {0x043e, 'o'}, {0x043f, 'n'},
    {0x0440, 'p'}, {0x0441, 'c'}, {0x0442, 't'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x044c, 'b'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'},
    {0x0461, 'w'}, {0x0475, 'v'}, {0x04bb, 'h'}, {0x04cf, 'l'}, {0x0501, 'd'}, {0x051b, 'q'}, {0x051d, 'w'},
    // Armenian
    {0x0561, 'w'}, {0x0563, 'q'}, {0x0566, 'q'}, {0x0570, 'h'}, {0x0578, 'n'}, {0x057c, 'n'}, {0x057d, 'u'}, {0x0581, 'g'}, {0x0584, 'f'},
    {0x0585, 'o'},
    // Cherokee, folded to capitals by Unicode's case folding
    {0x13a0, 'd'}, {0x13a1, 'r'}, {0x13a2, 't'}, {0x13a5, 'i'}, {0x13aa, 'a'}, {0x13ab, 'j'}, {0x13ac, 'e'}, {0x13b3, 'w'}, {0x13b7, 'm'},
    {0x13bb, 'h'}, {0x13c0, 'g'}, {0x13c3, 'z'}, {0x13c5, 'h'}, {0x13da, 's'}, {0x13de, 'l'}, {0x13df, 'c'}, {0x13e2, 'p'}, {0x13e6, 'k'},
    // Small capitals and other Latin shapes
    {0x1d04, 'c'}, {0x1d0f, 'o'}, {0x1d1c, 'u'}, {0x1d20, 'v'}, {0x1d21, 'w'}, {0x1d22, 'z'}, {0x2c9f, 'o'}, {0x2ca3, 'p'}, {0x2ca5, 'c'},
    {0xa731, 's'},
});

}  // namespace

char confusable_of(char32_t c) {
  const auto it = std::find_if(table.begin(), table.end(), [&](const look_alike& l) { return l.from == c; });
  return it == table.end() ? '\0' : it->to;
}

}  // namespace sluice::text
