// Support for tests and fuzzing: headers and chunks of logs made again from their decoded values.

package import LustreWire

/// A log's header made again, bit by bit.
package func remadeLogHeader(_ content: [UInt8]) throws(WireError) -> [UInt8] {
  var swapped = true
  let header = try LogHeader(decoding: content.rawBytes, swapped: &swapped)
  var result = content
  for index in 0..<LogHeader.byteCount { result[index] = 0xA5 }
  result.withMutableRawSpan { header.encode(into: &$0) }
  for index in 0..<LogHeader.maximumRecords where LogHeader.isSet(index, in: content.rawBytes) {
    result.withMutableRawSpan { LogHeader.set(index, into: &$0) }
  }
  return result
}

/// A chunk made again from its records; what follows the last of them is zero.
package func remadeLogChunk(
  _ content: [UInt8], _ swapped: Bool = false
) throws(WireError) -> [UInt8] {
  var result = [UInt8](repeating: 0, count: content.count)
  var start = 0
  while start + LogRecordHeader.overheadByteCount <= content.count,
    content[start..<start + 4].contains(where: { $0 != 0 })
  {
    let header = try LogRecordHeader(
      record: content.rawBytes, at: start, before: content.count, swapped: swapped)
    result.withMutableRawSpan { header.encodeEnds(into: &$0, at: start) }
    let range = header.content(at: start)
    let inside =
      header.type == .configuration ? try remadeConfigRecord(content, range) : Array(content[range])
    for (index, byte) in inside.enumerated() { result[range.lowerBound + index] = byte }
    start += Int(header.length)
  }
  return result
}

/// A configuration record made again from its buffers.
package func remadeConfigRecord(
  _ bytes: [UInt8], _ range: Range<Int>
) throws(WireError) -> [UInt8] {
  let record = try ConfigRecord(decoding: bytes.rawBytes, in: range)
  var buffers: [[UInt8]] = []
  for index in 0..<record.bufferCount {
    var content = Array(bytes[record.range(of: index, in: bytes.rawBytes)])
    switch (record.command, index) {
    case (.marker, 1) where content.count == ConfigMarker.byteCount:
      content = try remade(ConfigMarker.self, content, record.swapped)
    case (.setup, 1) where content.count == LayoutDescriptor.byteCount:
      content = try remade(LayoutDescriptor.self, content, record.swapped)
    default:
      // Every other buffer is a text.
      if let text = record.text(index, in: bytes.rawBytes),
        text.utf8.count + 1 == content.count
      {
        content = ConfigRecord.buffer(text)
      }
    }
    buffers.append(content)
  }
  return ConfigRecord.encode(
    record.command, number: record.number, nid: record.nid, buffers: buffers)
}
