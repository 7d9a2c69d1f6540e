package import LustreWire

/// What the two ends of a benchmark agree on: portals that Lustre does not use, and match bits.
package enum BenchProtocol {
  /// PUTs that the target takes in: echoed or dropped, as the match bits say.
  package static let messagePortal = Portal(rawValue: 60)
  /// Where the initiator takes echoes.
  package static let echoPortal = Portal(rawValue: 61)
  /// Bulk memory of the target, one megabyte for each slot; the match bits are the slot.
  package static let bulkPortal = Portal(rawValue: 62)

  package static let echo: UInt64 = 1
  package static let discard: UInt64 = 2
  /// Transfers that may be under way to different slots.
  package static let bulkSlotCount = 16
  package static let bulkSlotByteCount = 1 << 20
  /// What a message carries at most: an IMMEDIATE's payload (spec 02 §6.1).
  package static let messageByteCountMax = 3976
}
