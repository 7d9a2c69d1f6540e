// Support for tests and fuzzing: an RPC made again from its decoded values, every structure of it.

package import LustreWire

/// The message's bytes made again: frame, body, and each buffer by its kind. Buffers that are no structures are
/// copied, and so is what follows a structure in its buffer.
package func reencodedRPC(_ bytes: [UInt8]) throws(WireError) -> [UInt8] {
  let message = try RPCMessage(decoding: bytes.rawBytes)
  let body = try RPCBody(message, in: bytes.rawBytes)
  var contents: [[UInt8]] = []
  for index in 1..<max(1, message.bufferCount) {
    let range = message.range(of: index, in: bytes.rawBytes) ?? 0..<0
    let content = Array(bytes[range])
    let kind = RPCFormat.kind(ofBuffer: index, in: body)
    // A refusal may leave its buffers without content, and those of clients may be optional.
    contents.append(
      content.isEmpty ? [] : try reencodedBuffer(content, kind, swapped: message.swapped))
  }
  var result = [UInt8](repeating: 0xA5, count: message.byteCount + 32)
  let count = result.withMutableRawSpan { output in
    var encoder = RPCMessageEncoder(
      message.header, bufferCount: message.bufferCount, into: &output)
    encoder.add(body, into: &output)
    for content in contents {
      let offset = encoder.add(length: content.count, into: &output)
      for (index, byte) in content.enumerated() {
        output.storeNative(byte, at: offset + index)
      }
    }
    precondition(encoder.isComplete)
    return encoder.byteCount
  }
  return Array(result[..<count])
}

/// A buffer's bytes made again from what it holds.
package func reencodedBuffer(
  _ content: [UInt8], _ kind: RPCBufferKind, swapped: Bool = false
) throws(WireError) -> [UInt8] {
  switch kind {
  case .cookie: return try remade(Cookie.self, content, swapped)
  case .connectData:
    guard content.count >= ConnectData.byteCount else { return content }
    return try remade(ConnectData.self, content, swapped)
  case .lockRequest: return try remadeLockRequest(content, swapped)
  case .lockReply: return try remade(LockReply.self, content, swapped)
  case .lockIntent: return try remade(LockIntent.self, content, swapped)
  case .lockValue:
    guard content.count >= ObjectLockValue.byteCount else { return content }
    return try remade(ObjectLockValue.self, content, swapped)
  case .statfs: return try remade(Statfs.self, content, swapped)
  case .metadataBody: return try remade(MetadataBody.self, content, swapped)
  case .sequenceRange: return try remade(SequenceRange.self, content, swapped)
  case .objectAttributes: return try remade(ObjectAttributes.self, content, swapped)
  case .objectRequest: return try remade(ObjectRequest.self, content, swapped)
  case .remoteRanges: return try remadeRanges(content, swapped)
  case .logBody: return try remade(LogBody.self, content, swapped)
  case .logHeader: return try remadeLogHeader(content)
  case .logChunk: return try remadeLogChunk(content, swapped)
  case .targetInfo: return try remade(TargetInfo.self, content, swapped)
  case .targetNIDs: return try remadeNIDList(content, swapped)
  case .configReadRequest: return try remade(ConfigReadRequest.self, content, swapped)
  case .configReadReply: return try remade(ConfigReadReply.self, content, swapped)
  case .capability, .sequenceOperation, .name, .key, .results, .body, .targetUUID, .clientUUID,
    .securityPolicy, .data, .opaque:
    return content
  }
}

/// `content` with the structure at its start made again over a pattern.
package func remade<Value: FixedLayout>(
  _ type: Value.Type, _ content: [UInt8], _ swapped: Bool = false
) throws(WireError) -> [UInt8] {
  let value = try Value(decoding: content.rawBytes, swapped: swapped)
  var result = content
  for index in 0..<Value.byteCount { result[index] = 0xA5 }
  result.withMutableRawSpan { value.encode(into: &$0, at: 0) }
  return result
}

private func remadeLockRequest(_ content: [UInt8], _ swapped: Bool) throws(WireError) -> [UInt8] {
  var result = try remade(LockRequest.self, content, swapped)
  for index in 0..<LockRequest.handles(inBufferOf: content.count) {
    let handle = LockRequest.handle(index, in: content.rawBytes)
    let offset = LockRequest.byteCount + 8 * index
    for place in offset..<offset + 8 { result[place] = 0xA5 }
    result.withMutableRawSpan { handle.encode(into: &$0, at: offset) }
  }
  return result
}

private func remadeRanges(_ content: [UInt8], _ swapped: Bool) throws(WireError) -> [UInt8] {
  var result = content
  for index in 0..<content.count / RemoteRange.byteCount {
    let offset = index * RemoteRange.byteCount
    let range = try RemoteRange(decoding: content.rawBytes, at: offset, swapped: swapped)
    for place in offset..<offset + RemoteRange.byteCount { result[place] = 0xA5 }
    result.withMutableRawSpan { range.encode(into: &$0, at: offset) }
  }
  return result
}

private func remadeNIDList(_ content: [UInt8], _ swapped: Bool) throws(WireError) -> [UInt8] {
  let head = try TargetNIDList.head(of: content.rawBytes, swapped: swapped)
  guard head.flags & TargetNIDList.inBulk == 0 else { return content }
  var nids: [WireText<64>] = []
  for index in 0..<head.count {
    nids.append(TargetNIDList.text(at: index, in: content.rawBytes))
  }
  var result = content
  result.withMutableRawSpan { _ = TargetNIDList.encode(nids, flags: head.flags, into: &$0) }
  return result
}
