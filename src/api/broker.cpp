#include <fairway/broker.hpp>

#include <utility>

#include "broker/server.hpp"

namespace fairway {

Broker::Broker(Options options) : server_(std::make_unique<broker::Server>(std::move(options))) {}
Broker::~Broker() = default;
void Broker::run() { server_->run(); }
void Broker::poll() { server_->poll(); }
int Broker::native_handle() const { return server_->native_handle(); }
void Broker::stop() noexcept { server_->stop(); }

}  // namespace fairway
