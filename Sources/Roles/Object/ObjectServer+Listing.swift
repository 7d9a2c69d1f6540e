internal import LustreWire
internal import RDMATransport
internal import Storage
internal import Structures

/// A part of the list of a target's objects.
package struct ObjectListing: Equatable, Sendable, BitwiseCopyable {
  /// 0, or a negative errno.
  package var status: Int32 = 0
  /// Objects that were written into the caller's memory.
  package var count = 0
  /// Where to go on; 0 at the end.
  package var cursor: UInt64 = 0

  package init() {}
}

// Which objects there are, for operators: clients have no way to ask.
extension ObjectServer {
  /// Asks the disk for a part of the list; one at a time.
  mutating func list(
    cursor: UInt64, into memory: BufferRef, tag: UInt32, _ disk: inout TargetDisk
  ) -> Bool {
    guard listingTag == nil, disk.hasRoom() else { return false }
    listingTag = tag
    isListed = false
    disk.ask(
      StorageCommand(.listObjects(cursor: cursor, into: memory), ticket: Self.listingTicket))
    return true
  }

  mutating func listed(_ result: StorageResult) {
    listing.status = result.errno == 0 ? 0 : WireErrno(rawValue: result.errno).status
    listing.count = Int(result.count)
    listing.cursor = result.version
    isListed = true
  }

  /// The number of the caller whose listing is there.
  mutating func takeListing() -> UInt32? {
    guard isListed, let tag = listingTag else { return nil }
    listingTag = nil
    return tag
  }
}
