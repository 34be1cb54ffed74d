// Luhn and IBAN against numbers published for tests, and against every single-digit error.
#include "sluice/match/validator.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice::match {
namespace {

TEST(luhn, accepts_published_test_numbers_with_separators) {
  for (const char* n : {"4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011111111111117", "3530111333300000"}) {
    EXPECT_TRUE(luhn_valid(n)) << n;
  }
}

TEST(luhn, refuses_every_single_digit_error) {
  const std::string good = "4111111111111111";
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (char d = '0'; d <= '9'; ++d) {
      if (d == good[i]) continue;
      auto bad = good;
      bad[i] = d;
      EXPECT_FALSE(luhn_valid(bad)) << bad;
    }
  }
}

TEST(luhn, refuses_repeated_digits_wrong_lengths_and_other_characters) {
  for (const char* n : {"0000000000000000", "41111111111", "41111111111111111111", "4111x11111111111", ""}) EXPECT_FALSE(luhn_valid(n)) << n;
}

TEST(iban, accepts_registry_examples) {
  for (const char* n : {"DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606", "NO9386011117947", "CH9300762011623852957"}) {
    EXPECT_TRUE(iban_valid(n)) << n;
  }
}

TEST(iban, refuses_wrong_checksums_lengths_and_countries) {
  for (const char* n : {"DE00370400440532013000", "DE8937040044053201300", "DE893704004405320130000", "ZZ89370400440532013000", "DE8937040044053201300!"}) {
    EXPECT_FALSE(iban_valid(n)) << n;
  }
}

}  // namespace
}  // namespace sluice::match
