// Bounds of what a body or an answer's stream may make the gateway keep. Each ends in an error of the client's dialect, never in text that
// passes unread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::limits {

// One event, line or element of a stream: a picture comes in one.
inline constexpr std::size_t event_bytes = 16u << 20;
// Text of an answer that its last event repeats whole.
inline constexpr std::size_t whole_answer_bytes = 8u << 20;
// Arguments of all tool calls of a stream that are not whole yet.
inline constexpr std::size_t arguments_bytes = 16u << 20;
// Values of a request (objects, lists, strings, numbers), those of the JSON in its strings among them. Each takes some 200 bytes while it is judged,
// which is a hundred times what "1," takes in the body.
inline constexpr std::uint32_t request_values = 1u << 19;
// Parts of one body that nobody can scan, each with its place. Those beyond are told together, and what they are named by is forgotten, so that
// no ledger knows it.
inline constexpr std::size_t unread_parts = 4096;
// Answers to one request; OpenAI's own bound of `n`.
inline constexpr std::size_t choices = 128;
// Tool calls of one choice, content blocks of one message, and items of one response.
inline constexpr std::size_t calls = 1024;
// Handles of one answer that are remembered; what is named by others is not known afterwards.
inline constexpr std::size_t handles = 1024;
// Growing texts of one choice, tool calls aside.
inline constexpr std::size_t channels = 64;
// Fields of a stream that no table knows, with the bytes that are remembered of them.
inline constexpr std::size_t unknown_fields = 1024;
inline constexpr std::size_t unknown_bytes = 1u << 20;
// Where such a field stands: the names and numbers on the way to it.
inline constexpr std::size_t place_bytes = 4096;
// Places of identifiers of a stream of which is known only that they said some.
inline constexpr std::size_t forgotten_places = 1u << 16;
// The end that is kept of a text which may go on where it ended, so that both are read as one.
inline constexpr std::size_t tail_bytes = 4096;
// White space before the first event, which says what kind of stream it is.
inline constexpr std::size_t blank_bytes = 64u << 10;
// Texts of a stream that were ever judged apart; each leaves its name and number.
inline constexpr std::size_t stream_texts = 1u << 18;

}  // namespace sluice::limits
