#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include <fairway/types.hpp>

#include "inspector/speech.hpp"

/// A shell's part in a conversation: standard input is what is posted, standard output what arrives.
namespace fairway::inspector {

struct Conversation {
  std::filesystem::path broker;
  std::string name;
  Speech speech = Speech::text;
  std::optional<std::uint64_t> count = {};  ///< recv: so many messages, then leave
  Timeout timeout = Timeout::max();  ///< for the name to appear, and for each answer
};

/// Posts every message of `in` to the context of that name, and leaves; what waits then is still read.
/// Throws Failure if that context is gone before, or at a line that is no value; std::system_error if there is no such name.
void send(const Conversation& with, std::FILE* in);
/// Takes the name, and writes what everybody who connects to it posts to `out`: until the first of them closes, or
/// `count` messages. False: it closed before there were so many.
bool receive(const Conversation& with, std::FILE* out);
/// Posts a message of `in`, waits for the answer, writes it to `out`, and so on. Throws like `send`.
void call(const Conversation& with, std::FILE* in, std::FILE* out);

}  // namespace fairway::inspector
