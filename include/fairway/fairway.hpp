#pragma once

#include <fairway/archive.hpp>
#include <fairway/array_buffer.hpp>
#include <fairway/broker.hpp>
#include <fairway/callback.hpp>
#include <fairway/context.hpp>
#include <fairway/error.hpp>
#include <fairway/log.hpp>
#include <fairway/message_channel.hpp>
#include <fairway/message_event.hpp>
#include <fairway/message_port.hpp>
#include <fairway/payload.hpp>
#include <fairway/structured_clone.hpp>
#include <fairway/typed.hpp>
#include <fairway/types.hpp>
#include <fairway/value.hpp>
