#pragma once

#include <memory>
#include <vector>

#include "inspector/live.hpp"

namespace fairway::inspector {

/// The whole terminal, as curses has it. The destructor gives it back as it was.
class Terminal {
 public:
  /// None: standard input or output is no terminal, or not one on which a cursor can be placed.
  static std::unique_ptr<Terminal> open(Colour colour);
  ~Terminal();
  Terminal(const Terminal&) = delete;

  ScreenSize size() const;
  /// Takes the size that the terminal has now.
  void resize();
  void draw(const std::vector<Line>& lines);

  struct Input {
    bool quit = false;
    Key key = Key::other;
  };
  /// The next key that waits; false: none.
  bool next(Input& input);

 private:
  struct Screen;
  explicit Terminal(std::unique_ptr<Screen> screen);
  std::unique_ptr<Screen> screen_;
};

}  // namespace fairway::inspector
