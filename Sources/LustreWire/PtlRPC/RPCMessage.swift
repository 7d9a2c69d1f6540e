/// A received PtlRPC message: its header, and where its buffers lie.
///
/// Holds no bytes and no table of lengths; every access reads the table again from the message, so the
/// same bytes have to be given each time.
///
/// **Wire:** `struct lustre_msg_v2` (spec 10 §2): header, table of lengths, then the buffers, each padded
/// to a multiple of 8.
public struct RPCMessage: Hashable, Sendable, BitwiseCopyable {
  /// The header's fields.
  public var header: RPCHeader
  /// How many buffers there are, 1...32.
  public var bufferCount: Int
  /// Bytes of the message, padding of the last buffer included; what was received may be longer.
  public var byteCount: Int
  /// Whether the sender's byte order is not ours.
  public var swapped: Bool

  /// Checks header and lengths in the order of spec 10 §2.2, up to its rule 4.
  ///
  /// Allocates nothing. Throws `truncated`, `badMagic`, `bufferCount` or `bufferTooLong`; real nodes drop
  /// such a message and answer nothing.
  @inlinable
  public init(decoding bytes: borrowing RawSpan) throws(WireError) {
    let received = bytes.byteCount
    guard received >= RPCHeader.byteCount else {
      throw .truncated(
        .rpcHeader, needed: UInt32(RPCHeader.byteCount), available: UInt32(received))
    }
    let magic = bytes.native(UInt32.self, at: 8)
    let swap = magic != RPCHeader.magic
    guard !swap || magic.byteSwapped == RPCHeader.magic else {
      throw .badMagic(.rpcHeader, found: magic)
    }
    let count = bytes.native(UInt32.self, at: 0, swapped: swap)
    guard count >= 1, count <= UInt32(RPCLimits.maximumBuffers) else { throw .bufferCount(count) }
    var end = Self.headerByteCount(buffers: Int(count))
    guard received >= end else {
      throw .truncated(.rpcHeader, needed: UInt32(end), available: UInt32(received))
    }
    let table = bytes.window(at: RPCHeader.byteCount, count: 4 * Int(count))
    var place = 0
    while place < table.byteCount {
      let length = table.native(UInt32.self, at: place, swapped: swap)
      guard length <= UInt32(RPCLimits.maximumMessageBytes) else {
        throw .bufferTooLong(index: UInt8(place / 4), length: length)
      }
      end &+= Self.padded(Int(length))
      place &+= 4
    }
    guard end <= received, end <= RPCLimits.maximumMessageBytes else {
      throw .truncated(.rpcMessage, needed: UInt32(end), available: UInt32(clamping: received))
    }
    header = RPCHeader(at: 0, in: bytes, swapped: swap)
    bufferCount = Int(count)
    byteCount = end
    swapped = swap
  }

  /// Where the content of buffer `index` lies, without padding; nil for a buffer that is not there.
  @inlinable
  public func range(of index: Int, in bytes: borrowing RawSpan) -> Range<Int>? {
    guard index >= 0, index < bufferCount else { return nil }
    var start = Self.headerByteCount(buffers: bufferCount)
    let table = bytes.window(at: RPCHeader.byteCount, count: 4 * bufferCount)
    var place = 0
    while place < 4 * index {
      start &+= Self.padded(Int(table.native(UInt32.self, at: place, swapped: swapped)))
      place &+= 4
    }
    let end = start &+ Int(table.native(UInt32.self, at: place, swapped: swapped))
    return start..<end
  }

  /// The length of buffer `index` without padding, in bytes; 0 for one that is not there.
  @inlinable
  public func length(of index: Int, in bytes: borrowing RawSpan) -> Int {
    guard index >= 0, index < bufferCount else { return 0 }
    return Int(
      bytes.native(UInt32.self, at: RPCHeader.byteCount + 4 * index, swapped: swapped))
  }

  /// The content of buffer `index`, without padding; throws `missingBuffer` for one that is not there.
  @inlinable
  @_lifetime(copy bytes)
  public func buffer(_ index: Int, in bytes: RawSpan) throws(WireError) -> RawSpan {
    guard let range = range(of: index, in: bytes) else {
      throw .missingBuffer(index: UInt8(clamping: index), of: UInt8(bufferCount))
    }
    return bytes.extracting(range)
  }

  /// The structure in buffer `index`; throws `missingBuffer` or `truncated`. A longer buffer is legal.
  @inlinable
  public func value<Value: FixedLayout>(
    _ type: Value.Type = Value.self, at index: Int, in bytes: borrowing RawSpan
  ) throws(WireError) -> Value {
    guard let range = range(of: index, in: bytes) else {
      throw .missingBuffer(index: UInt8(clamping: index), of: UInt8(bufferCount))
    }
    guard range.count >= Value.byteCount else {
      throw .truncated(
        Value.structure, needed: UInt32(Value.byteCount), available: UInt32(range.count))
    }
    return Value(at: range.lowerBound, in: bytes, swapped: swapped)
  }

  /// Bytes of header, table and its padding for a message with so many buffers.
  @inlinable @inline(__always)
  public static func headerByteCount(buffers count: Int) -> Int {
    padded(RPCHeader.byteCount + 4 * count)
  }

  /// `byteCount` rounded up to a multiple of 8.
  @inlinable @inline(__always)
  public static func padded(_ byteCount: Int) -> Int { (byteCount + 7) & ~7 }

  /// Bytes of a message whose buffers have these lengths.
  @inlinable @inline(__always)
  public static func byteCount<let count: Int>(of lengths: [count of Int]) -> Int {
    var result = headerByteCount(buffers: count)
    for index in 0..<count { result += padded(lengths[index]) }
    return result
  }
}
