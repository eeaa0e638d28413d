/// What real shells complete, with the scripts that the inspector prints. What is not installed is skipped.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <fairway/fairway.hpp>

#include "support/temporary_directory.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) text.append(buffer.data(), size);
  return text;
}

bool installed(const std::string& program) { return !output_of("command -v " + program).empty(); }

/// A broker with a context "player", connected to "sink" by the first channel.
class Completion : public testing::Test {
 protected:
  void SetUp() override {
    sink.on_connect([this](MessageEvent& event) { theirs = std::move(event.ports[0]); });
    mine = player.connect("sink");
    while (!theirs) sink.run_once(std::chrono::seconds(10));
    const std::string folder = std::filesystem::path(FAIRWAY_INSPECTOR).parent_path();
    ::setenv("PATH", (folder + ":" + ::getenv("PATH")).c_str(), 1);
    ::setenv("FAIRWAY_BROKER", directory.path().c_str(), 1);
    channel = inspect({"complete", "channels"}).out;
    channel.pop_back();
  }
  void TearDown() override { ::unsetenv("FAIRWAY_BROKER"); }
  /// Runs a script that is in a file.
  std::string run(const std::string& shell, const std::string& script) const {
    const std::filesystem::path file = scripts.path() / "script";
    std::ofstream(file) << script;
    return output_of(shell + " " + file.native() + " 2>&1");
  }

  TemporaryDirectory directory;
  TemporaryDirectory scripts;
  Daemon daemon{directory.path()};
  Context sink{ContextOptions{.name = "sink", .broker = directory.path()}};
  Context player{ContextOptions{.name = "player", .broker = directory.path()}};
  MessagePort mine;
  MessagePort theirs;
  std::string channel;
};

class BashCompletion : public Completion {
 protected:
  /// What bash offers, a word each; `line` is in words of the shell.
  std::string offered(const std::string& line) const {
    return run("bash --norc", "source <(fairway completion bash)\nCOMP_WORDS=(fairway " + line +
                                  ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_fairway 2>/dev/null\nprintf '%s\\n' \"${COMPREPLY[@]}\" | sort | paste -sd ' '\n");
  }
};

TEST_F(BashCompletion, CompletesCommands) {
  EXPECT_EQ(offered("sta"), "stat\n");
  EXPECT_EQ(offered("se"), "send serve\n");
  EXPECT_EQ(offered("--broker /tmp t").find("tap"), 0u);
}

TEST_F(BashCompletion, CompletesOptionsOfACommandAndOfAll) {
  EXPECT_EQ(offered("tap --fo"), "--follow\n");
  EXPECT_EQ(offered("tap --follow --fr"), "--from\n");
  EXPECT_EQ(offered("tap --bro"), "--broker\n");
  EXPECT_EQ(offered("send --va"), "--value\n");
  EXPECT_EQ(offered("--ver"), "--version\n");
  EXPECT_EQ(offered("ls --fo"), "\n");
}

TEST_F(BashCompletion, CompletesTheWordsOfAChoice) {
  EXPECT_EQ(offered("tap --from ''"), "1 2\n");
  EXPECT_EQ(offered("completion f"), "fish\n");
}

TEST_F(BashCompletion, CompletesChannelsAndNamesOfContexts) {
  EXPECT_EQ(offered("tap ch"), channel + "\n");
  EXPECT_EQ(offered("stat --json ch"), channel + "\n");
  EXPECT_EQ(offered("tap --count 3 ''"), channel + "\n");
  EXPECT_EQ(offered("call ''"), "player sink\n");
  EXPECT_EQ(offered("send pl"), "player\n");
}

TEST_F(BashCompletion, AsksTheBrokerThatTheLineNames) {
  EXPECT_EQ(offered("--broker /nowhere call ''"), "\n");
  ::setenv("FAIRWAY_BROKER", "/nowhere", 1);
  EXPECT_EQ(offered("call ''"), "\n");
  EXPECT_EQ(offered("--broker " + directory.path().native() + " call ''"), "player sink\n");
}

TEST_F(BashCompletion, CompletesProgramsToServeWith) {
  EXPECT_NE(offered("serve name printe").find("printenv"), std::string::npos);
  EXPECT_NE(offered("serve name -- printe").find("printenv"), std::string::npos);
}

TEST_F(BashCompletion, DoesNotLeaveFunctionsBehind) {
  EXPECT_EQ(run("bash --norc", "source <(fairway completion bash)\nCOMP_WORDS=(fairway tap ch)\nCOMP_CWORD=2\n_fairway\ndeclare -F | grep -v _fairway\n"), "");
}

TEST_F(Completion, FishOffersTheSame) {
  if (!installed("fish")) GTEST_SKIP() << "fish is not installed";
  ::setenv("HOME", scripts.path().c_str(), 1);
  const auto offered = [&](const std::string& line) {
    return run("fish", "fairway completion fish | source\ncomplete -C 'fairway " + line + "' | cut -f1 | sort | string join ' '\n");
  };
  EXPECT_EQ(offered("sta"), "stat\n");
  EXPECT_EQ(offered("tap --fo"), "--follow\n");
  EXPECT_EQ(offered("tap --from "), "1 2\n");
  EXPECT_EQ(offered("stat ch"), channel + "\n");
  EXPECT_EQ(offered("send pl"), "player\n");
  EXPECT_EQ(offered("--broker /nowhere send pl"), "");
}

/// Types into a shell on a terminal of its own, once that edits a line, and reads what command it runs.
TEST_F(Completion, ZshCompletesTheSame) {
  if (!installed("zsh")) GTEST_SKIP() << "zsh is not installed";
  ::setenv("HOME", scripts.path().c_str(), 1);
  const auto completed = [&](const std::string& line) {
    const std::string text = run("zsh -f", R"zsh(zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= PS2= PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste 2>/dev/null; zstyle ':completion:*' list-prompt ''"
zpty -w shell "autoload -U compinit; compinit -u -D; source <(command fairway completion zsh)"
zpty -w shell 'fairway() { print -r -- "RAN:$*:" }; zle-line-init() { print -n "LINE""-BEGINS" }; zle -N zle-line-init'
zpty -r -m shell text '*LINE-BEGINS*'
zpty -w shell $'fairway )zsh" + line + R"zsh(\t'
zpty -r -m shell text '*RAN:*:*'
zpty -d shell
print -r -- ${${text##*RAN:}%%:*}
)zsh");
    return text;
  };
  EXPECT_EQ(completed("sta"), "stat\n");
  EXPECT_EQ(completed("tap --foll"), "tap --follow\n");
  EXPECT_EQ(completed("completion fi"), "completion fish\n");
  EXPECT_EQ(completed("tap ch"), "tap " + channel + "\n");
  EXPECT_EQ(completed("send pl"), "send player\n");
}

TEST_F(Completion, NothingToCompleteIsSilent) {
  EXPECT_EQ(inspect({"--broker", "/nowhere", "complete", "channels"}).out, "");
  EXPECT_EQ(inspect({"completion", "csh"}).code, 2);
  EXPECT_EQ(inspect_into_closed_pipe({"completion", "bash"}).code, 0);
}

}  // namespace
}  // namespace fairway::test
