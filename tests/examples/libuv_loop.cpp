/// The greeter's client in libuv's loop.
#include <uv.h>

#include <cstdio>
#include <string>

#include <fairway/fairway.hpp>

void run_in(uv_loop_t* loop, fairway::Context& context, uv_poll_t* readable, uv_prepare_t* before_waiting) {
  readable->data = before_waiting->data = &context;
  uv_poll_init(loop, readable, context.native_handle());
  uv_poll_start(readable, UV_READABLE, [](uv_poll_t* handle, int, int) { static_cast<fairway::Context*>(handle->data)->poll(); });
  uv_prepare_init(loop, before_waiting);
  uv_prepare_start(before_waiting, [](uv_prepare_t* handle) {
    auto& its_context = *static_cast<fairway::Context*>(handle->data);
    while (!its_context.prepare_to_sleep()) its_context.poll();
  });
}

int main(int argc, char** argv) try {
  fairway::Context context;
  auto port = context.connect("greeter", std::chrono::seconds(10));
  uv_loop_t loop;
  uv_loop_init(&loop);
  uv_poll_t readable;
  uv_prepare_t before_waiting;
  run_in(&loop, context, &readable, &before_waiting);
  int left = argc - 1;
  const auto leave = [&] {
    uv_close(reinterpret_cast<uv_handle_t*>(&readable), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&before_waiting), nullptr);
  };
  port.on_message([&](fairway::MessageEvent& event) {
    std::printf("%s\n", std::string(event.string()).c_str());
    if (--left == 0) leave();
  });
  port.on_close([&](fairway::CloseReason) {
    if (left != 0) leave();
  });
  for (int i = 1; i < argc; ++i) port.post_message(std::string(argv[i]));
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return left == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "libuv_loop: %s\n", error.what());
  return 2;
}
