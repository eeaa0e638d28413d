#!/usr/bin/env bash
# video_camera, and the filter in another process that gets its pictures and hands them back.   video.sh BIN
set -u

bin=$1
answer=$("$bin/video_camera" "$bin/video_filter" 100) || exit 1
[ "$answer" = '100 pictures of 2073600 bytes in 3 buffers' ] || { echo "got: $answer" >&2; exit 1; }

line=$("$bin/video_camera" /bin/true 3 2>&1)
[ $? -eq 2 ] && [ "$line" = 'video_camera: the filter is gone: peer_lost' ] ||
    { echo "not one clear line for a filter that leaves: $line" >&2; exit 1; }
