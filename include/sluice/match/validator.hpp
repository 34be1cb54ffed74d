// Checks that arithmetic can make and a pattern cannot: the one table of them, which the policy language, the confirm stage and the
// documents read. Input is the matched text, the pattern says what may stand around it. No check allocates more than a small
// string, and each looks at a bounded number of bytes: what is longer is refused.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::match {

// --- banks and cards (validator_bank.cpp)
// ISO/IEC 7812-1: issuer ranges with their lengths, and the check digit of annex B. Single spaces or dashes between digits.
[[nodiscard]] bool luhn_valid(std::string_view text);
[[nodiscard]] std::size_t luhn_longest(std::string_view text);
// ISO 13616: country length and mod 97. Spaces between groups allowed.
[[nodiscard]] bool iban_valid(std::string_view text);
[[nodiscard]] std::size_t iban_longest(std::string_view text);
// ABA routing number: ranges of the Federal Reserve, weights 3 7 1.
[[nodiscard]] bool aba_valid(std::string_view text);
// ISO 9362: four letters, a country of ISO 3166, two of location, and a branch of three or none.
[[nodiscard]] bool bic_valid(std::string_view text);

// --- people and firms (validator_overseas.cpp, validator_europe.cpp, validator_vat.cpp)
// SSA, since 2011: area not 000, 666 or 9xx, group not 00, serial not 0000; not the numbers of advertisements.
[[nodiscard]] bool us_ssn_valid(std::string_view text);
// IRS publication 1915: 9xx with a group of 50-65, 70-88, 90-92 or 94-99.
[[nodiscard]] bool us_itin_valid(std::string_view text);
// 45 CFR 162.406: ten digits, Luhn with the prefix 80840.
[[nodiscard]] bool us_npi_valid(std::string_view text);
// NHS data dictionary: ten digits, modulus 11.
[[nodiscard]] bool uk_nhs_valid(std::string_view text);
// HMRC manual NIM39110: form, letters and prefixes that are never given out. There is no check digit.
[[nodiscard]] bool uk_nino_valid(std::string_view text);
// § 139b AO: eleven digits, one digit repeated, ISO 7064 mod 11,10.
[[nodiscard]] bool de_tax_id_valid(std::string_view text);
// INSEE: sex, year, month, place and order; key = 97 - number mod 97, Corsica as 19 and 18.
[[nodiscard]] bool fr_nir_valid(std::string_view text);
// Real Decreto 1065/2007: DNI and NIE (mod 23), and the numbers of legal persons.
[[nodiscard]] bool es_nif_valid(std::string_view text);
// DM 23 dicembre 1976: sixteen characters with a check letter.
[[nodiscard]] bool it_codice_fiscale_valid(std::string_view text);
// UIDAI: twelve digits that do not begin with 0 or 1, Verhoeff.
[[nodiscard]] bool in_aadhaar_valid(std::string_view text);
// Income-tax rule 114: five letters of which the fourth is a kind of holder, four digits, a letter.
[[nodiscard]] bool in_pan_valid(std::string_view text);
// ATO: tax file number of eight or nine digits, weighted sum mod 11.
[[nodiscard]] bool au_tfn_valid(std::string_view text);
// ABR: business number of eleven digits, mod 89.
[[nodiscard]] bool au_abn_valid(std::string_view text);
// Services Australia: card number of ten digits, of which the ninth checks the first eight.
[[nodiscard]] bool au_medicare_valid(std::string_view text);
// Service Canada: social insurance number, nine digits, Luhn.
[[nodiscard]] bool ca_sin_valid(std::string_view text);
// Receita Federal: CPF (eleven digits) and CNPJ (fourteen), two check digits mod 11.
[[nodiscard]] bool br_cpf_valid(std::string_view text);
[[nodiscard]] bool br_cnpj_valid(std::string_view text);
// Wet algemene bepalingen burgerservicenummer: nine digits, the eleven test.
[[nodiscard]] bool nl_bsn_valid(std::string_view text);
// Ustawa o ewidencji ludności: eleven digits, date of birth, weights 1 3 7 9.
[[nodiscard]] bool pl_pesel_valid(std::string_view text);
// Folkbokföringslagen § 18: date of birth and Luhn over ten digits.
[[nodiscard]] bool se_personnummer_valid(std::string_view text);
// Väestötietolaki: date of birth, sign of the century, check character mod 31.
[[nodiscard]] bool fi_hetu_valid(std::string_view text);
// Rijksregister: eleven digits, date of birth, mod 97 (with a 2 before it for those born since 2000).
[[nodiscard]] bool be_rijksregister_valid(std::string_view text);
// Autoridade Tributária: nine digits, mod 11.
[[nodiscard]] bool pt_nif_valid(std::string_view text);
// Verordnung AHVV: 756 and ten digits, check digit of EAN-13.
[[nodiscard]] bool ch_ahv_valid(std::string_view text);
// VAT numbers with their country before them (VIES forms of the EU, XI, GB, CHE), and the check digits that are public.
[[nodiscard]] bool vat_valid(std::string_view text);
[[nodiscard]] std::size_t vat_longest(std::string_view text);

// --- reaching somebody (validator_contact.cpp, validator_phone.cpp)
// RFC 5321 addr-spec without quoted strings and literals; the domain has a dot and a top level of letters.
[[nodiscard]] bool email_valid(std::string_view text);
// IPv4 in four decimal parts without leading zeros, IPv6 as RFC 4291 § 2.2 writes it: what inet_pton takes. Not the unspecified one.
[[nodiscard]] bool ip_valid(std::string_view text);
// E.164 numbers in the forms of ITU-T E.123 and national habit, extensions included. What has a country's code before it must have a
// length that libphonenumber knows for that country; what has none, digits in a number's groups.
[[nodiscard]] bool phone_valid(std::string_view text);
[[nodiscard]] std::size_t phone_longest(std::string_view text);
// Six to fifteen digits that are no date, amount, address or card: for patterns that ask for a word such as "call" beside them.
[[nodiscard]] bool phone_digits_valid(std::string_view text);
[[nodiscard]] std::size_t phone_digits_longest(std::string_view text);

// --- keys and coins (validator_token.cpp, validator_coin.cpp)
// RFC 7519, 7515: three base64url parts of which the first is a JSON object that names an `alg`.
[[nodiscard]] bool jwt_valid(std::string_view text);
// Bitcoin: Base58Check of versions 0 and 5, or bech32 and bech32m (BIP 173, 350) of a witness program.
[[nodiscard]] bool btc_valid(std::string_view text);
// Ethereum: 0x and forty hexadecimal digits; mixed case must be that of EIP-55.
[[nodiscard]] bool eth_valid(std::string_view text);

struct validator_entry {
  std::string_view name;  // the word in a policy
  std::string_view doc;   // one line
  bool (*accepts)(std::string_view text);
  // The bytes of the longest beginning that it accepts, in one walk; 0: none. Null: there is no such walk.
  std::size_t (*longest)(std::string_view text) = nullptr;
};

inline constexpr std::array validator_table = std::to_array<validator_entry>({
    {"none", "no check", [](std::string_view) { return true; }},
    {"luhn", "payment card: issuer ranges with their lengths, check digit (ISO/IEC 7812-1)", luhn_valid, luhn_longest},
    {"iban", "bank account: length of the country, mod 97 (ISO 13616)", iban_valid, iban_longest},
    {"aba", "US bank routing number", aba_valid},
    {"bic", "bank identifier (ISO 9362)", bic_valid},
    {"ssn", "US social security number", us_ssn_valid},
    {"us_itin", "US taxpayer number of those without a social security number", us_itin_valid},
    {"us_npi", "US health provider", us_npi_valid},
    {"nhs", "UK NHS number, mod 11", uk_nhs_valid},
    {"uk_nino", "UK national insurance number: form and forbidden prefixes", uk_nino_valid},
    {"de_tax_id", "German tax number, ISO 7064 mod 11,10", de_tax_id_valid},
    {"fr_nir", "French social security number with its key", fr_nir_valid},
    {"es_nif", "Spanish DNI, NIE or CIF with its check character", es_nif_valid},
    {"it_codice_fiscale", "Italian fiscal code with its check letter", it_codice_fiscale_valid},
    {"in_aadhaar", "Indian Aadhaar, Verhoeff", in_aadhaar_valid},
    {"in_pan", "Indian tax account: form and kind of holder", in_pan_valid},
    {"au_tfn", "Australian tax file number, mod 11", au_tfn_valid},
    {"au_abn", "Australian business number, mod 89", au_abn_valid},
    {"au_medicare", "Australian Medicare card", au_medicare_valid},
    {"ca_sin", "Canadian social insurance number, Luhn", ca_sin_valid},
    {"br_cpf", "Brazilian CPF, mod 11", br_cpf_valid},
    {"br_cnpj", "Brazilian CNPJ, mod 11", br_cnpj_valid},
    {"nl_bsn", "Dutch citizen number, eleven test", nl_bsn_valid},
    {"pl_pesel", "Polish PESEL: date and check digit", pl_pesel_valid},
    {"se_personnummer", "Swedish personal number: date and Luhn", se_personnummer_valid},
    {"fi_hetu", "Finnish personal code: date and check character", fi_hetu_valid},
    {"be_rijksregister", "Belgian national number: date and mod 97", be_rijksregister_valid},
    {"pt_nif", "Portuguese tax number, mod 11", pt_nif_valid},
    {"ch_ahv", "Swiss AHV number, EAN-13", ch_ahv_valid},
    {"vat", "VAT number of the EU, Northern Ireland, Britain or Switzerland, with check digits", vat_valid, vat_longest},
    {"email", "e-mail address (RFC 5321)", email_valid},
    {"ip", "IPv4 or IPv6 address", ip_valid},
    {"phone", "telephone number, international or in national groups (libphonenumber)", phone_valid, phone_longest},
    {"phone_digits", "six to fifteen digits that are no date, amount or address; for patterns with `near`", phone_digits_valid, phone_digits_longest},
    {"jwt", "JSON web token: three parts, a header with alg (RFC 7519)", jwt_valid},
    {"btc", "Bitcoin address with its checksum (Base58Check, bech32, bech32m)", btc_valid},
    {"eth", "Ethereum address; mixed case as EIP-55 has it", eth_valid},
});

// A place in the table; only the first has a name of its own.
enum class validator : std::uint8_t { none };

inline constexpr auto validator_names = [] {
  std::array<std::string_view, validator_table.size()> out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = validator_table[i].name;
  return out;
}();

[[nodiscard]] constexpr std::span<const validator_entry> validators() { return validator_table; }
[[nodiscard]] constexpr const validator_entry& entry_of(validator of) { return validator_table[static_cast<std::size_t>(of)]; }
[[nodiscard]] constexpr std::optional<validator> find_validator(std::string_view name) {
  for (std::size_t i = 0; i < validator_table.size(); ++i) {
    if (validator_table[i].name == name) return static_cast<validator>(i);
  }
  return std::nullopt;
}

}  // namespace sluice::match
