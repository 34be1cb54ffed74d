// Runs a fuzz target over files: crashes of the past, or a corpus. Without arguments over a few built-in inputs.
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  const auto run = [](const std::string& bytes) {
    (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  };
  for (const char* seed : {"", "{}", "data: x\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "a: [1, 2]\n", "*1\r\n$1\r\na\r\n"}) run(seed);
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    if (!in) {
      std::cerr << argv[i] << " cannot be read\n";
      return 1;
    }
    run({std::istreambuf_iterator<char>(in), {}});
  }
  return 0;
}
