// Bytes of a node's memory for tests, and messages that are not made by PtlRPC.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import RDMATransport

extension NodeCore {
  /// What lies in a part of the node's memory.
  func contents(_ ref: BufferRef) -> [UInt8] {
    let span = turn.memory.bytes(ref)
    return (0..<span.byteCount).map { span.byte(at: $0) }
  }

  mutating func fill(_ ref: BufferRef, _ bytes: [UInt8]) {
    var span = turn.memory.mutableBytes(ref)
    for (offset, byte) in bytes.enumerated() { span.storeNative(byte, at: offset) }
  }

  /// Sends bytes as they are, by LNet alone.
  mutating func sendRaw(
    _ bytes: [UInt8], to number: Int, portal: Portal, matchBits: UInt64, offset: UInt32 = 0
  ) throws {
    guard let piece = turn.memory.messages.allocatePiece() else { throw LNetError.busy }
    let part = piece.part(offset: lndHeadroomByteCount, length: bytes.count)
    fill(part, bytes)
    let descriptor = try lnet.bind(MemoryDescriptor(memory: part, threshold: 1, tag: 1))
    try lnet.put(
      PutRequest(
        descriptor: descriptor, target: ProcessID(nid: World.nid(number)), portal: portal,
        matchBits: matchBits, offset: offset), turn: &turn)
  }
}

/// The bytes of a listing as the specification has them: an offset, then bytes; `…` fills up with zeros to the
/// next offset or the end.
func bytes(_ listing: String, count: Int) -> [UInt8] {
  var result: [UInt8] = []
  for line in listing.split(separator: "\n") {
    let words = line.split(separator: " ")
    guard let first = words.first, let offset = Int(first, radix: 16) else { continue }
    while result.count < offset { result.append(0) }
    for word in words.dropFirst() {
      guard word.count == 2, let byte = UInt8(word, radix: 16) else { break }
      result.append(byte)
    }
  }
  while result.count < count { result.append(0) }
  return result
}

/// A message that is its body alone, as bytes.
func message(
  _ body: RPCBody, flags: RPCHeaderFlags = .connected, flavor: SecurityFlavor = .null,
  checksum: UInt32 = 0
) -> [UInt8] {
  var raw = [UInt8](repeating: 0, count: RPCMessage.bodyOnlyByteCount)
  raw.withMutableRawSpan { bytes in
    _ = RPCMessage.encode(
      RPCHeader(flavor: flavor, replyByteCount: 224, checksum: checksum, flags: flags), body,
      into: &bytes)
  }
  return raw
}
