#include <fairway/context.hpp>

#include <cstdio>
#include <system_error>
#include <utility>

#include <fairway/error.hpp>
#include <fairway/message_event.hpp>

#include "client/context.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway {

namespace {

wire::Secret invitation_from_environment() {
  wire::Secret secret{};
  const auto text = sys::environment("FAIRWAY_INVITATION");
  if (!text || text->size() != 32 || std::sscanf(text->c_str(), "%16lx%16lx", &secret[0], &secret[1]) != 2)
    throw std::system_error(Errc::denied, "from_parent: this process was not started by Context::spawn");
  return secret;
}

}  // namespace

Context::Context(Options options) : context_(std::make_unique<client::Context>(std::move(options), wire::Secret{})) {}

Context::Context(Options options, FromParent)
    : context_(std::make_unique<client::Context>(std::move(options), invitation_from_environment())),
      parent_(context_->take_parent_port()) {}

Context::~Context() = default;

Context Context::from_parent(Options options) { return Context(std::move(options), FromParent{}); }

MessagePort& Context::parent() { return parent_; }

MessagePort Context::connect(std::string_view name, Timeout timeout) {
  context_->check_thread();
  return MessagePort(context_->connect(name, timeout));
}

void Context::on_connect(Callback<void(MessageEvent&)> callback) {
  context_->check_thread();
  context_->on_connect(std::move(callback));
}

Child Context::spawn(std::vector<std::string> argv) {
  context_->check_thread();
  auto [pid, port] = context_->spawn(argv);
  return {static_cast<int>(pid), MessagePort(std::move(port))};
}

void Context::run() { context_->run(); }
bool Context::run_once(Timeout timeout) { return context_->run_once(timeout); }
std::size_t Context::poll() { return context_->poll(); }
int Context::native_handle() const noexcept { return context_->native_handle(); }
bool Context::prepare_to_sleep() { return context_->prepare_to_sleep(); }
void Context::stop() noexcept { context_->stop(); }
void Context::post(Callback<void()> callback) { context_->post_callback(std::move(callback)); }

}  // namespace fairway
