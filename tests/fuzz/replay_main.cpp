// Runs a fuzz target over files and over the files of folders: a corpus, or the crashes of the past.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

bool run(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in.eof() && in.fail()) {
    std::cerr << file << " cannot be read\n";
    return false;
  }
  (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  (void)LLVMFuzzerTestOneInput(nullptr, 0);
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path given = argv[i];
    if (!std::filesystem::is_directory(given)) {
      if (!run(given)) return 1;
      ++files;
      continue;
    }
    for (const auto& each : std::filesystem::directory_iterator(given)) {
      if (!run(each.path())) return 1;
      ++files;
    }
  }
  if (argc > 1 && files == 0) {
    std::cerr << "there is no file in what was named\n";
    return 1;
  }
  std::cout << files << " inputs, and every property holds\n";
  return 0;
}
