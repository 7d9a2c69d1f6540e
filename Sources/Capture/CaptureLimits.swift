/// What the decoder holds at most, so that no file makes it grow without bound.
package enum CaptureLimits {
  /// The largest file that is decoded, in bytes: it is held in memory as a whole.
  package static let fileBytes = 1 << 30
  /// The longest record of a capture file, in bytes: what capture tools write at most.
  package static let recordBytes = 262_144
  /// The longest message or RPC that is put together from segments, in bytes; o2iblnd's longest message is 4096,
  /// longer WRITEs carry data.
  package static let messageBytes = 65_536
  /// How many one-way streams between queue pairs are followed at a time.
  package static let streams = 65_536
  /// How many connect requests wait for their reply at a time.
  package static let pendingConnects = 16_384
  /// How many PUTs by rendezvous are followed at a time.
  package static let transfers = 16_384
}
