internal import LustreWire
package import RDMATransport

/// The lengths of a message's buffers, the body's among them: what lies where in the message.
package struct BufferLengths: Equatable, BitwiseCopyable, Sendable {
  private var lengths = InlineArray<32, UInt32>(repeating: 0)
  /// Buffers, the body included.
  package private(set) var count = 1

  /// The body alone, or the body and up to six more: their lengths in bytes.
  package init(
    _ first: Int? = nil, _ second: Int? = nil, _ third: Int? = nil, _ fourth: Int? = nil,
    _ fifth: Int? = nil, _ sixth: Int? = nil
  ) {
    lengths[0] = UInt32(RPCBody.byteCount)
    add(first)
    add(second)
    add(third)
    add(fourth)
    add(fifth)
    add(sixth)
  }

  private mutating func add(_ length: Int?) {
    if let length { append(length) }
  }

  /// Adds a buffer of so many bytes; there may be 32.
  package mutating func append(_ length: Int) {
    precondition(length >= 0 && length <= RPCLimits.maximumMessageBytes)
    lengths[count] = UInt32(length)
    count += 1
  }

  package subscript(index: Int) -> Int { Int(lengths.span[index]) }

  /// Bytes of the whole message.
  package var byteCount: Int { offset(of: count) }

  /// Where a buffer begins in the message.
  package func offset(of index: Int) -> Int {
    // Not `lengths[before]`, which copies all of them first; and so in the others.
    let lengths = lengths.span
    var offset = RPCMessage.headerByteCount(buffers: count)
    for before in 0..<index { offset += RPCMessage.padded(Int(lengths[before])) }
    return offset
  }

  /// The part of a message's memory that is a buffer's content.
  package func place(of index: Int, in message: BufferRef) -> BufferRef {
    precondition(index > 0 && index < count)
    return message.part(offset: offset(of: index), length: self[index])
  }

  package static func == (one: BufferLengths, other: BufferLengths) -> Bool {
    one.count == other.count && (0..<one.count).allSatisfy { one[$0] == other[$0] }
  }

  /// Writes the table; the buffers behind the body and all padding become zero, so that nothing old goes out. Header
  /// and body are written when the message is sent.
  func encode(into bytes: inout MutableRawSpan) {
    let header = RPCMessage.headerByteCount(buffers: count)
    // With an odd number of buffers the table ends in padding.
    bytes.storeNative(UInt32(0), at: header - 4)
    var end = header
    let lengths = lengths.span
    for index in 0..<count {
      bytes.storeNative(lengths[index], at: RPCHeader.byteCount + 4 * index)
      end += RPCMessage.padded(Int(lengths[index]))
    }
    let contents = header + RPCMessage.padded(RPCBody.byteCount)
    bytes.zero(at: contents, count: end - contents)
  }

  /// Writes the length of the last buffer, which has become shorter, and zeroes the padding behind it.
  func encodeLast(into bytes: inout MutableRawSpan) {
    let last = count - 1
    let length = self[last]
    bytes.storeNative(UInt32(length), at: RPCHeader.byteCount + 4 * last)
    bytes.zero(at: offset(of: last) + length, count: RPCMessage.padded(length) - length)
  }
}
