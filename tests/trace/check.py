"""Is this file a Perfetto trace, by Google's own definitions, whose slices nest and whose arrows have both ends?

Usage: check.py FILE    needs the package `perfetto` of PyPI
"""

import collections
import sys

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

trace = Trace()
with open(sys.argv[1], "rb") as file:
    trace.ParseFromString(file.read())
assert trace.packet, "the trace is empty"

tracks, names = {}, {}
depths, latest = collections.Counter(), {}
begun, ended = {}, {}
kinds = collections.Counter()

for packet in trace.packet:
    assert packet.trusted_packet_sequence_id == 1, packet
    for name in packet.interned_data.event_names:
        assert name.iid not in names, f"{name} is interned twice"
        names[name.iid] = name.name
    if packet.HasField("track_descriptor"):
        track = packet.track_descriptor
        assert track.uuid not in tracks, f"{track} is described twice"
        tracks[track.uuid] = track
        assert not track.parent_uuid or track.parent_uuid in tracks, f"the parent of {track} is not described"
    if not packet.HasField("track_event"):
        continue
    event, at = packet.track_event, packet.timestamp
    uuid = event.track_uuid
    assert uuid in tracks, f"{event} is on no track"
    assert at >= latest.get(uuid, 0), f"time goes back from {latest[uuid]} to {at} on {tracks[uuid]}"
    latest[uuid] = at
    kinds[event.type] += 1
    if event.type == TrackEvent.TYPE_SLICE_BEGIN:
        depths[uuid] += 1
    elif event.type == TrackEvent.TYPE_SLICE_END:
        depths[uuid] -= 1
        assert depths[uuid] >= 0, f"a slice ends that has not begun, at {at} on {tracks[uuid]}"
    elif event.type == TrackEvent.TYPE_COUNTER:
        assert tracks[uuid].HasField("counter"), f"{tracks[uuid]} counts nothing"
        assert event.HasField("counter_value"), event
    if event.type in (TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_INSTANT):
        assert names.get(event.name_iid), f"{event} has no name"
    for flow in event.flow_ids:
        begun.setdefault(flow, at)
    for flow in event.terminating_flow_ids:
        assert flow not in ended, f"arrow {flow} ends twice"
        ended[flow] = at

assert all(depth == 0 for depth in depths.values()), "a slice does not end"
assert begun.keys() == ended.keys(), f"arrows without another end: {begun.keys() ^ ended.keys()}"
assert all(begun[flow] <= ended[flow] for flow in begun), "an arrow goes back in time"
threads = [track for track in tracks.values() if track.HasField("thread")]
assert threads and all(track.thread.pid and track.thread.tid for track in threads), threads
assert any(track.HasField("process") for track in tracks.values())
assert {"threads", "calls out", "queued tasks", "processor 0"} <= {track.name for track in tracks.values()}

for name in sorted(set(names.values())):
    print("name:", name)
print(f"ok: {len(tracks)} tracks, {kinds[1]} slices, {kinds[3]} instants, {kinds[4]} counter values, {len(begun)} arrows")
