/// An OST_READ or OST_WRITE: an object, the ranges of it that are moved, and how.
///
/// Holds no bytes: ranges and inline data are read from the message it was decoded from.
///
/// **Wire:** buffers 1...5 (spec 13 §5, §7): `obdo`, one `obd_ioobj`, `niobuf_remote` per range, an unused
/// buffer, and the inline data of a short write.
public struct BulkIORequest: Hashable, Sendable, BitwiseCopyable {
  /// Object, grant, checksum and lock.
  public var attributes: ObjectAttributes
  /// How many ranges there are, and how many bulk operations the client takes at most.
  public var object: ObjectRequest
  /// Where the ranges begin in the message, in bytes.
  @usableFromInline var rangesOffset: Int
  @usableFromInline var dataOffset: Int
  /// Bytes of inline data.
  public var dataByteCount: Int
  @usableFromInline var swapped: Bool

  /// The most ranges of a request.
  public static let maximumRanges = 16384

  /// Reads all but the ranges, whose number it checks. Throws `missingBuffer`, `truncated` or `illegalLength`:
  /// none or several objects, no or too many ranges, or fewer of them than the object says.
  @inlinable
  public init(_ message: RPCMessage, in bytes: borrowing RawSpan) throws(WireError) {
    attributes = try message.value(at: 1, in: bytes)
    object = try message.value(at: 2, in: bytes)
    let objects = message.length(of: 2, in: bytes)
    guard objects == ObjectRequest.byteCount else {
      throw .illegalLength(.objectRequest, length: UInt32(objects))
    }
    guard let ranges = message.range(of: 3, in: bytes) else {
      throw .missingBuffer(index: 3, of: UInt8(message.bufferCount))
    }
    let count = Int(object.rangeCount)
    guard count >= 1, count <= Self.maximumRanges,
      ranges.count == count * RemoteRange.byteCount
    else { throw .illegalLength(.remoteRange, length: UInt32(ranges.count)) }
    rangesOffset = ranges.lowerBound
    let data = message.range(of: 5, in: bytes) ?? ranges.upperBound..<ranges.upperBound
    dataOffset = data.lowerBound
    dataByteCount = data.count
    swapped = message.swapped
  }

  /// Range `index`, 0..<`object.rangeCount`.
  @inlinable
  public func range(_ index: Int, in bytes: borrowing RawSpan) -> RemoteRange {
    precondition(index >= 0 && index < Int(object.rangeCount))
    return RemoteRange(
      at: rangesOffset + index * RemoteRange.byteCount, in: bytes, swapped: swapped)
  }

  /// Where inline data lies in the message, in bytes; empty when there is none.
  @inlinable public var dataRange: Range<Int> { dataOffset..<dataOffset + dataByteCount }

  /// Bytes of the whole message, with `dataByteCount` bytes of inline data.
  @inlinable
  public static func byteCount(ranges: Int, dataByteCount: Int = 0) -> Int {
    RPCMessage.byteCount(of: [
      RPCBody.byteCount, ObjectAttributes.byteCount, ObjectRequest.byteCount,
      RemoteRange.byteCount * ranges, 0, dataByteCount,
    ])
  }

  /// Writes a request at `offset` with room for `dataByteCount` bytes of inline data, which are left as they
  /// are; returns its length and where that data belongs. `object.rangeCount` is taken from `ranges`.
  @inlinable @discardableResult
  public static func encode(
    _ header: RPCHeader, _ body: RPCBody, attributes: ObjectAttributes, object: ObjectRequest,
    ranges: borrowing Span<RemoteRange>, dataByteCount: Int = 0, into bytes: inout MutableRawSpan,
    at offset: Int = 0
  ) -> (byteCount: Int, dataOffset: Int) {
    var encoder = RPCMessageEncoder(header, bufferCount: 6, into: &bytes, at: offset)
    encoder.add(body, into: &bytes)
    encoder.add(attributes, into: &bytes)
    var object = object
    object.rangeCount = UInt32(ranges.count)
    encoder.add(object, into: &bytes)
    let start = encoder.add(length: RemoteRange.byteCount * ranges.count, into: &bytes)
    for index in 0..<ranges.count {
      ranges[index].encode(into: &bytes, at: start + RemoteRange.byteCount * index)
    }
    encoder.addEmpty(into: &bytes)
    let data = encoder.add(length: dataByteCount, into: &bytes)
    return (encoder.byteCount, data)
  }
}

/// The reply to an OST_WRITE or OST_READ.
///
/// **Wire:** `obdo`, and for a write a result per range, for a read inline data (spec 13 §5.5).
public enum BulkIOReply {
  /// Bytes of the reply to a write of `ranges` ranges.
  @inlinable
  public static func writeByteCount(ranges: Int) -> Int {
    RPCMessage.byteCount(of: [RPCBody.byteCount, ObjectAttributes.byteCount, 4 * ranges])
  }

  /// Bytes of the reply to a read with `dataByteCount` bytes of inline data.
  @inlinable
  public static func readByteCount(dataByteCount: Int = 0) -> Int {
    RPCMessage.byteCount(of: [RPCBody.byteCount, ObjectAttributes.byteCount, dataByteCount])
  }

  /// Writes the reply to a write, every range with the same `result` (0 or a negative status); returns its length.
  @inlinable @discardableResult
  public static func encodeWrite(
    _ header: RPCHeader, _ body: RPCBody, attributes: ObjectAttributes, ranges: Int,
    result: Int32 = 0, into bytes: inout MutableRawSpan, at offset: Int = 0
  ) -> Int {
    var encoder = RPCMessageEncoder(header, bufferCount: 3, into: &bytes, at: offset)
    encoder.add(body, into: &bytes)
    encoder.add(attributes, into: &bytes)
    let start = encoder.add(length: 4 * ranges, into: &bytes)
    for index in 0..<ranges { bytes.storeNative(result, at: start + 4 * index) }
    return encoder.byteCount
  }

  /// Writes the reply to a read with room for `dataByteCount` bytes of inline data, which are left as they are;
  /// returns its length and where that data belongs.
  @inlinable @discardableResult
  public static func encodeRead(
    _ header: RPCHeader, _ body: RPCBody, attributes: ObjectAttributes, dataByteCount: Int = 0,
    into bytes: inout MutableRawSpan, at offset: Int = 0
  ) -> (byteCount: Int, dataOffset: Int) {
    var encoder = RPCMessageEncoder(header, bufferCount: 3, into: &bytes, at: offset)
    encoder.add(body, into: &bytes)
    encoder.add(attributes, into: &bytes)
    let data = encoder.add(length: dataByteCount, into: &bytes)
    return (encoder.byteCount, data)
  }

  /// The result of range `index` of a write's reply. Throws `missingBuffer`, or `truncated` when there is none.
  @inlinable
  public static func result(
    _ index: Int, _ message: RPCMessage, in bytes: borrowing RawSpan
  ) throws(WireError) -> Int32 {
    guard let results = message.range(of: 2, in: bytes) else {
      throw .missingBuffer(index: 2, of: UInt8(message.bufferCount))
    }
    guard index >= 0, results.count >= 4 * (index + 1) else {
      throw .truncated(
        .remoteRange, needed: UInt32(clamping: 4 * (index + 1)), available: UInt32(results.count))
    }
    return bytes.field(at: results.lowerBound + 4 * index, message.swapped)
  }
}
