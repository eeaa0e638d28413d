#pragma once

namespace fairway::inspector {

/// `fairway value …`: what messages with values hold, as bytes and as text. Takes the arguments from "value" on; returns the
/// exit code. Throws Failure, DOMException, std::system_error.
int value_command(int argc, char** argv);

}  // namespace fairway::inspector
