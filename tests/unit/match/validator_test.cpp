// Every validator of the table: numbers that the issuers publish as examples, and what must be refused.
#include "sluice/match/validator.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace sluice::match {
namespace {

struct examples {
  const char* name;
  std::vector<std::string> accepted, refused;
  bool every_digit_error = true;  // the check finds every error in one digit
};

const std::vector<examples>& all_examples() {
  static const std::vector<examples> all = {
      {"luhn",
       {"4111 1111 1111 1111", "4111111111111111", "5555-5555-5555-4444", "378282246310005", "371449635398431", "6011111111111117",
        "3530111333300000", "30569309025904", "2223003122003222", "6759649826438453", "4222222222222", "6200000000000005", "180072992103979",
        "630427373398", "4111.1111.1111.1111", "4111  1111\n1111 - 1111"},
       {"0000000000000000", "41111111111", "41111111111111111111", "4111x11111111111", "", "1234567812345670", "9111111111111118",
        "41111111111116", "4111    1111 1111 1111", "4111,1111,1111,1111"},
       false},
      {"iban",
       {"DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606", "NO9386011117947", "CH9300762011623852957",
        "gb29nwbk60161331926819", "GB29-NWBK-6016-1331-9268-19"},
       {"DE00370400440532013000", "DE8937040044053201300", "DE893704004405320130000", "ZZ89370400440532013000", "DE8937040044053201300!"}},
      {"aba", {"021000021", "011401533", "122105155"}, {"021000022", "991000021", "000000000", "0210000210"}},
      {"bic", {"DEUTDEFF", "DEUTDEFF500", "NEDSZAJJXXX", "BARCGB22"}, {"DEUTXXFF", "DEUTDE0F", "deutdeff", "DEUTDEFF50", "AB1TDEFF", "DEUTDEFFXYZ"}, false},
      {"ssn", {"536-32-3065", "001 01 0001", "536323065"}, {"000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "078-05-1120"}, false},
      {"us_itin", {"912-70-1234", "900-50-0000"}, {"812-70-1234", "912-69-1234", "912-93-1234"}, false},
      {"us_npi", {"1234567893"}, {"1234567890", "3234567893"}},
      {"nhs", {"943 476 5919", "9434765919"}, {"943 476 5910", "0000000000", "94347659190"}},
      {"uk_nino", {"AB123456C", "AB 12 34 56 C", "JG103759A"}, {"DA123456C", "QQ123456C", "AO123456C", "BG123456A", "AB123456E", "AB12345C"}, false},
      {"de_tax_id", {"86095742719", "47036892816", "86 095 742 719"}, {"86095742710", "01234567891", "11111111111", "12345678901"}},
      {"fr_nir", {"255081416802538", "2 55 08 14 168 025 38"}, {"255081416802539", "955081416802538", "25508141680253"}, false},
      {"es_nif", {"12345678Z", "X1234567L", "A58818501", "12.345.678-Z"}, {"12345678A", "X1234567A", "A58818502", "K1234567L"}, false},
      {"it_codice_fiscale", {"RSSMRA85T10A562S", "MRTMTT25D09F205Z"}, {"RSSMRA85T10A562T", "RSSMRA85Z10A562S", "RSSMRA85T10A562"}, false},
      {"in_aadhaar", {"9999 4105 7058", "999971658847"}, {"9999 4105 7059", "199941057058"}},
      {"in_pan", {"ABCPE1234F", "AAACT2727Q"}, {"ABCDE1234F", "ABCP1234F", "ABCPE0000F", "ABCPE12345"}, false},
      {"au_tfn", {"123 456 782", "876543210"}, {"123 456 783", "111111111"}},
      {"au_abn", {"51 824 753 556", "51824753556"}, {"51 824 753 557", "01824753556"}},
      {"au_medicare", {"2123 45670 1"}, {"2123 45671 1", "1123456701", "2123456700"}, false},
      {"ca_sin", {"130 692 544"}, {"130 692 545", "046 454 286"}, false},
      {"br_cpf", {"111.444.777-35"}, {"111.444.777-36", "111.111.111-11"}},
      {"br_cnpj", {"11.222.333/0001-81"}, {"11.222.333/0001-82"}},
      {"nl_bsn", {"111222333", "123456782"}, {"111222334", "000000000"}},
      {"pl_pesel", {"44051401359"}, {"44051401358", "44151401359"}},
      {"se_personnummer", {"811228-9874"}, {"811228-9873", "811328-9874"}},
      {"se_personnummer", {"19811228-9874"}, {"19811228-9873"}, false},  // the century is not part of the sum
      {"fi_hetu", {"131052-308T"}, {"131052-308U", "321352-308T"}, false},
      {"be_rijksregister", {"93.05.18-223.61", "85.07.30-033.28"}, {"93.05.18-223.62"}, false},
      {"pt_nif", {"123456789", "501 964 843"}, {"123456780", "401964843"}},
      {"ch_ahv", {"756.9217.0769.85"}, {"756.9217.0769.84", "757.9217.0769.85"}},
      {"vat",
       {"ATU13585627", "BE0428759497", "BG175074752", "CHE107787577", "CHE-107.787.577 IVA", "CY10259033P", "CZ25123891", "DE136695976", "DK13585628",
        "EE100931558", "EL094259216", "ESA58818501", "FI20774740", "FR40303265045", "GB980780684", "HR33392005961", "HU12892312", "IE6433435F",
        "IE6433435OA", "IT00743110157", "LT119511515", "LT100001919017", "LU15027442", "LV40003521600", "MT11679112", "NL004495445B01",
        "NL123456789B13", "PL8567346215", "PT501964843", "RO18547290", "SE123456789701", "SI50223054", "SK2022749619"},
       {"ATU13585626", "BE0428759498", "CY10259033Z", "DE136695978", "DK13585627", "FI20774741", "FR41303265045", "IE6433435E", "NL123456789B12",
        "PL8567346216", "XX123456789", "DE", "SE123456789702"},
       false},
      {"email",
       {"a.b@example.org", "first+tag@mail.example.co.uk", "o'neil@example.museum", "x@xn--bcher-kva.example", "müller@bücher.example", "a_b-c@1und1.de"},
       {"a@b", "@example.org", "a..b@example.org", ".a@example.org", "a@-example.org", "a@example.1", "a@example", "a b@example.org", "logo@2x.png",
        "a@b@example.org"},
       false},
      {"ip",
       {"192.168.0.1", "8.8.8.8", "255.255.255.255", "::1", "fe80::1", "2001:db8::8a2e:370:7334", "d80:e4b5:79da:6cf6:71f3:51f7:9161:c319",
        "::ffff:192.0.2.1"},
       {"256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "::", "0.0.0.0", "a::b", "1::2::3", "12345::1", "1:2:3:4:5:6:7:8:9", "12:30:45"},
       false},
      {"phone",
       {"+44 20 7946 0958", "+1 (212) 555-0123", "+41 (0)69 979 80 58", "+447700208815", "0044 20 7946 0958", "001-432-815-4117x818", "(505)498-8487x6837",
        "905-674-3793", "1-800-555-0199", "212.555.0123", "0680 298 70 63", "(027) 7972-805", "20-32-85-26", "01 23 45 67 89", "06-10446904",
        "212 555 0123 ext. 42"},
       {"2026-11-24", "24.11.2026", "192.168.100.200", "536-32-3065", "12345-6789", "4111 1111 1111 1111", "978-3-16-148410-0", "2010-2015", "1234567",
        "1 000 000", "000-000-0000", "+999 1234567", "3.1415926", "(12)", "+44 20 7946 0958 1234 5678"},
       false},
      {"phone_digits", {"72 128 827", "358 0594", "9472 7916", "92 34 70"}, {"2026-11-24", "2026-11-24 09", "12345", "192.168.100.200", "3.141592", "30569309025904"}, false},
      {"jwt",
       {"eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.dBjftJeZ4CVP",
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ."},
       {"eyJhbGciOiJIUzI1NiJ9.e30", "e30.e30.c2ln", "bm90IGpzb24.e30.c2ln", "eyJhbGciOiJIUzI1NiJ9.e3!.c2ln", "www.example.org"},
       false},
      {"btc",
       {"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"},
       {"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp", "bc1Qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "1OvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"},
       false},
      {"eth",
       {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"},
       {"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x0000000000000000000000000000000000000000", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae"},
       false},
  };
  return all;
}

bool accepts(const char* name, std::string_view text) { return entry_of(*find_validator(name)).accepts(text); }

TEST(validators, accept_published_examples) {
  for (const auto& each : all_examples()) {
    for (const auto& text : each.accepted) EXPECT_TRUE(accepts(each.name, text)) << each.name << ' ' << text;
  }
}

TEST(validators, refuse_what_is_no_such_number) {
  for (const auto& each : all_examples()) {
    for (const auto& text : each.refused) EXPECT_FALSE(accepts(each.name, text)) << each.name << ' ' << text;
  }
}

TEST(validators, find_every_error_in_one_digit_where_the_check_promises_it) {
  for (const auto& each : all_examples()) {
    if (!each.every_digit_error) continue;
    for (const auto& good : each.accepted) {
      int errors = 0, found = 0;
      for (std::size_t i = 0; i < good.size(); ++i) {
        if (good[i] < '0' || good[i] > '9') continue;
        for (char d = '0'; d <= '9'; ++d) {
          if (d == good[i]) continue;
          auto bad = good;
          bad[i] = d;
          ++errors;
          found += accepts(each.name, bad) ? 0 : 1;
        }
      }
      // A check digit of 10 that is written as 0, or two checks of which one suffices, lets a few through.
      EXPECT_GE(found * 100, errors * 97) << each.name << ' ' << good;
    }
  }
}

TEST(validators, refuse_all_errors_in_one_digit_of_a_card) {
  const std::string good = "4111111111111111";
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (char d = '0'; d <= '9'; ++d) {
      auto bad = good;
      bad[i] = d;
      EXPECT_EQ(luhn_valid(bad), bad == good) << bad;
    }
  }
}

TEST(validators, have_an_example_and_a_line_of_text_each) {
  std::set<std::string_view> shown;
  for (const auto& each : all_examples()) shown.insert(each.name);
  for (std::size_t i = 1; i < validators().size(); ++i) {
    EXPECT_TRUE(shown.contains(validators()[i].name)) << validators()[i].name;
    EXPECT_FALSE(validators()[i].doc.empty());
    EXPECT_EQ(find_validator(validators()[i].name), static_cast<validator>(i));
  }
  EXPECT_EQ(find_validator("none"), validator::none);
  EXPECT_FALSE(find_validator("lunh"));
}

TEST(validators, stand_in_the_reference_word_for_word) {
  std::ifstream file(SLUICE_SOURCE_DIR "/docs/policy_language.md");
  const std::string reference{std::istreambuf_iterator<char>(file), {}};
  for (const auto& each : validators().subspan(1)) {
    const auto row = "| `" + std::string(each.name) + "` | " + std::string(each.doc) + " |\n";
    EXPECT_TRUE(reference.contains(row)) << "docs/policy_language.md, section Validators, lacks: " << row;
  }
}

TEST(validators, bear_any_bytes) {
  std::mt19937 random(7);
  const std::string_view letters = "0123456789abcdefABCDEFGHXYZ .-+()/:@x#\xc3\xa9\xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 60, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    for (std::size_t v = 1; v < validators().size(); ++v) (void)validators()[v].accepts(text);
  }
  for (std::size_t v = 1; v < validators().size(); ++v) {
    (void)validators()[v].accepts(std::string(1 << 20, '1'));
    EXPECT_FALSE(validators()[v].accepts("")) << validators()[v].name;
  }
}

TEST(ip, agrees_with_inet_pton) {
  std::mt19937 random(11);
  const std::string_view letters = "0123456789abf:::..";
  for (int i = 0; i < 200'000; ++i) {
    std::string text(2 + random() % 16, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    unsigned char out[16];
    const bool four = inet_pton(AF_INET, text.c_str(), out) == 1, six = inet_pton(AF_INET6, text.c_str(), out) == 1;
    if (ip_valid(text)) EXPECT_TRUE(four || six) << text;
    if (four && text != "0.0.0.0") EXPECT_TRUE(ip_valid(text)) << text;
    // What is short and has no digit may be a name in a program; the unspecified address is nobody's.
    if (six && text.find_first_of("123456789") != std::string::npos) EXPECT_TRUE(ip_valid(text)) << text;
  }
}

// A walk gives what trying every end gives.
TEST(validators, the_longest_beginning_is_the_longest_that_is_accepted) {
  std::mt19937 rng(17);
  std::size_t found = 0;
  for (int round = 0; round < 20'000; ++round) {
    static const char* const starts[] = {"4111 1111 1111 1111", "378282246310005", "6304 2737 3398", "5555-5555-5555-4444", "4", "37", "7", "0", "4 4 4", "6011",
                                         "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "NO93 8601 1117 947", "DE136695976", "FR40 303265045", "CHE-116.281.710 MWST", "ATU6213", "DE89 DE89",
                                         "+44 20 7946 0958", "001-432-815-4117x818", "(212) 555-0123 ext. 42", "0680 298 70 63", "(555) (555) 555", "+1 (650", "72 128 827", "192.168.1.1", "01 23 45"};
    std::string text = starts[rng() % std::size(starts)];
    for (auto n = rng() % 24; n > 0; --n) text += "0123456789012345678901234567890123456789 -  -x(.)A"[rng() % 50];
    for (const auto& each : validators()) {
      if (each.longest == nullptr) continue;
      std::size_t longest = 0;
      for (std::size_t n = 1; n <= text.size(); ++n) longest = each.accepts(std::string_view(text).substr(0, n)) ? n : longest;
      ASSERT_EQ(each.longest(text), longest) << each.name << ": " << text;
      found += longest != 0;
    }
  }
  EXPECT_GT(found, 5000u);
}

}  // namespace
}  // namespace sluice::match
