// Support: RPC messages of real nodes and of the spec, and decoding from arrays.

import LustreWire

enum RPCVectors {
  static let captured = GoldenFile.vectors("captured-rpcs.txt")
  static let examples = GoldenFile.vectors("rpc-examples.txt")
  static let all = captured + examples

  static func example(_ name: String) -> [UInt8] {
    guard let vector = examples.first(where: { $0.name == name }) else {
      fatalError("no example \(name)")
    }
    return vector.bytes
  }
}

func decodedRPC(_ bytes: [UInt8]) throws(WireError) -> RPCMessage {
  try RPCMessage(decoding: bytes.rawBytes)
}

func decodedBody(_ bytes: [UInt8]) throws(WireError) -> RPCBody {
  let span = bytes.rawBytes
  return try RPCBody(RPCMessage(decoding: span), in: span)
}

/// Buffer `index` as an array.
func buffer(_ index: Int, of bytes: [UInt8]) throws(WireError) -> [UInt8] {
  let span = bytes.rawBytes
  let message = try RPCMessage(decoding: span)
  guard let range = message.range(of: index, in: span) else {
    throw .missingBuffer(index: UInt8(clamping: index), of: UInt8(message.bufferCount))
  }
  return Array(bytes[range])
}

/// The message made again from its decoded header and body and the bytes of its other buffers.
func reframed(_ bytes: [UInt8]) throws(WireError) -> [UInt8] {
  let span = bytes.rawBytes
  let message = try RPCMessage(decoding: span)
  let body = try RPCBody(message, in: span)
  var contents: [[UInt8]] = []
  for index in 1..<max(1, message.bufferCount) { contents.append(try buffer(index, of: bytes)) }
  var result = [UInt8](repeating: 0xA5, count: message.byteCount)
  result.withMutableRawSpan { output in
    var encoder = RPCMessageEncoder(
      message.header, bufferCount: message.bufferCount, into: &output)
    encoder.add(body, into: &output)
    for content in contents {
      let offset = encoder.add(length: content.count, into: &output)
      for (index, byte) in content.enumerated() {
        output.storeNative(byte, at: offset + index)
      }
    }
    precondition(encoder.isComplete && encoder.byteCount == message.byteCount)
  }
  return result
}

/// What a sender of the other byte order would have sent: header and body, listed by hand from spec 10
/// §2.1 and §3; the other buffers are left as they are.
func swappedRPC(_ bytes: [UInt8]) throws(WireError) -> [UInt8] {
  let message = try decodedRPC(bytes)
  var result = bytes
  func swap(_ offset: Int, _ size: Int) {
    result.replaceSubrange(
      offset..<offset + size, with: bytes[offset..<offset + size].reversed())
  }
  for offset in [0, 4, 8, 12, 16, 20, 24] { swap(offset, 4) }
  for index in 0..<message.bufferCount { swap(32 + 4 * index, 4) }
  let body = (32 + 4 * message.bufferCount + 7) & ~7
  for offset in [8, 12, 16, 20, 36, 56, 60, 64, 68, 72, 76, 144, 148] { swap(body + offset, 4) }
  for offset in [24, 40, 48, 80, 88, 96, 104, 112, 120] { swap(body + offset, 8) }
  swap(body + 32, 2)
  return result
}
