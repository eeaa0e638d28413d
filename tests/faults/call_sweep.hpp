#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "faults/call_faults.hpp"
#include "faults/sweep.hpp"

/// What the parts of a run in which one system call fails said, and what is accepted of it.
namespace fairway::test {

/// What a part said until its end.
struct Account {
  std::vector<std::string> lines;
  Hits hits;
  int end = 0;

  bool said(const std::string& text) const {
    return std::ranges::any_of(lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
  /// By itself: the name of a directory may have it as a part.
  bool has_word(const std::string& word) const {
    return std::ranges::any_of(lines, [&](const std::string& line) { return (" " + line + " ").find(" " + word + " ") != std::string::npos; });
  }
  void note(const std::string& line) {
    if (line.starts_with("hits")) {
      hits = parse_hits(line);
    } else if (!line.empty()) {
      lines.push_back(line);
    }
  }
};

using Accounts = std::map<std::string, Account>;

inline void hear_out(Child& child, Account& account) {
  for (std::string line = child.line(); !line.empty(); line = child.line()) account.note(line);
  account.end = child.wait();
}

inline std::string text_of(const Accounts& accounts) {
  std::string text;
  for (const auto& [part, account] : accounts) {
    text += part + " (" + std::to_string(account.end) + ")\n";
    for (const std::string& line : account.lines) text += "  " + line + "\n";
  }
  return text;
}

/// Whatever failed: nobody hangs, breaks, or leaves something behind.
inline void expect_order(const Accounts& accounts) {
  for (const auto& [part, account] : accounts) {
    EXPECT_EQ(account.end, 0) << part;
    for (const char* const disorder : {"broken", "stuck", "bad"}) EXPECT_FALSE(account.has_word(disorder)) << part;
    for (const std::string& line : account.lines)
      if (line.starts_with("left ")) {
        EXPECT_EQ(line, "left 0 0") << part << ": descriptors, segments";
      }
  }
}

/// The work was done, or something failed and somebody says why it was not.
inline void expect_served_or_explained(bool served, bool failed, const Accounts& accounts) {
  const bool explained =
      std::ranges::any_of(accounts, [](const auto& entry) { return entry.second.said("error ") || entry.second.said("log "); });
  EXPECT_TRUE(served || (failed && explained)) << (failed ? "nobody says why" : "nothing failed");
  const bool tells = std::getenv("FAIRWAY_TELL") != nullptr;
  if (testing::Test::HasFailure() || tells) std::cout << (served ? "served\n" : "not served\n") << text_of(accounts);
}

/// `run`: one run with that victim; whether its call failed. Every error of every call that the part made, at the first
/// pass and at one in the middle; FAIRWAY_LONG=1: at more. FAIRWAY_TELL=1 shows what was said, FAIRWAY_CALL=NAME fails only that
/// call.
template <class Census, class Run>
void fail_every_call(const std::string& part, Census&& census, Run&& run) {
  const Hits hits = steps_of(census);
  std::size_t faults = 0;
  const char* const only = std::getenv("FAIRWAY_CALL");
  for (std::size_t call = 0; call < call_points.size(); ++call) {
    if (only != nullptr && call_points[call].name != only) continue;
    const auto found = hits.find(std::string(call_points[call].name));
    const Prelude* const prelude = prelude_of(call);
    const bool possible = prelude != nullptr && hits.contains(std::string(call_points[static_cast<std::size_t>(prelude->first)].name));
    if (found == hits.end() && !possible) continue;
    for (const int error : call_points[call].errors)
      for (const std::uint64_t pass : occurrences(found == hits.end() ? 1 : found->second)) {
        const std::string fault =
            part + ": " + std::string(call_points[call].name) + " #" + std::to_string(pass) + " fails: " + std::strerror(error);
        SCOPED_TRACE(fault);
        if (std::getenv("FAIRWAY_TELL") != nullptr) std::cout << fault << "\n";
        bool failed = false;
        for (int attempt = 0; attempt < most_attempts && !failed && (attempt == 0 || pass == 1); ++attempt)
          failed = run(Victim{part, 0, call, pass, error});
        EXPECT_TRUE(failed || pass > 1) << "it is not reached";
        faults += failed;
        if (testing::Test::HasFailure()) return;
      }
  }
  std::printf("%s: %zu faults\n", part.c_str(), faults);
}

}  // namespace fairway::test
