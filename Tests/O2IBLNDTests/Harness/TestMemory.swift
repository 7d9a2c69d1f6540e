// Memory of one test node: plain memory in the place of registered memory.

import RDMATransport

/// Owns what a node's arenas are cut from.
final class TestMemory {
  let messages: UnsafeMutableRawPointer
  let bulk: UnsafeMutableRawPointer
  let messageByteCount: Int
  let bulkByteCount: Int

  init(messagePieces: Int, bulkPieces: Int) {
    messageByteCount = messagePieces * 4096
    bulkByteCount = bulkPieces * 4096
    messages = .allocate(byteCount: messageByteCount, alignment: 4096)
    bulk = .allocate(byteCount: bulkByteCount, alignment: 4096)
    messages.initializeMemory(as: UInt8.self, repeating: 0, count: messageByteCount)
    bulk.initializeMemory(as: UInt8.self, repeating: 0, count: bulkByteCount)
  }

  deinit {
    messages.deallocate()
    bulk.deallocate()
  }

  static let messageKey: UInt32 = 11
  static let bulkKey: UInt32 = 22
  static let remoteKey: UInt32 = 33

  func makeNodeMemory() -> NodeMemory {
    let messageRegion = MemoryRegion(
      address: UInt64(UInt(bitPattern: messages)), byteCount: messageByteCount,
      localKey: Self.messageKey, remoteKey: 0)
    let bulkRegion = MemoryRegion(
      address: UInt64(UInt(bitPattern: bulk)), byteCount: bulkByteCount, localKey: Self.bulkKey,
      remoteKey: Self.remoteKey)
    return NodeMemory(
      messages: Arena(region: messageRegion, pieceByteCount: 4096, isBulk: false),
      bulk: Arena(region: bulkRegion, pieceByteCount: 4096, isBulk: true))
  }

  /// Whether a peer may write there with this key.
  func allowsWrite(key: UInt32, address: UInt64, byteCount: Int) -> Bool {
    let start = UInt64(UInt(bitPattern: bulk))
    return key == Self.remoteKey && address >= start
      && address + UInt64(byteCount) <= start + UInt64(bulkByteCount)
  }
}

func pointer(_ address: UInt64) -> UnsafeMutableRawPointer {
  guard let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
    fatalError("address 0")
  }
  return pointer
}

func bytes(of segment: Segment) -> [UInt8] {
  [UInt8](UnsafeRawBufferPointer(start: pointer(segment.address), count: Int(segment.length)))
}
