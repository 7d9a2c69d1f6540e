package import LustreWire

/// A log of configuration records, as a management server keeps it and its clients read it in chunks.
///
/// The bytes are those of the file: the header's chunk, then records that never cross a chunk's edge.
///
/// **Wire:** `struct llog_log_hdr` and the records behind it (spec 11 §12).
package struct ConfigLog: Sendable {
  package let name: String
  package let id: LogID
  /// Header and records.
  package private(set) var bytes: [UInt8]
  private var header: LogHeader
  /// The first record of each chunk behind the header.
  private var firstIndices: [UInt32] = []

  /// Bytes of a chunk.
  package static let chunkByteCount = LogHeader.byteCount

  /// - Parameter time: seconds since 1970.
  package init(name: String, id: LogID, createdAt time: Int64) {
    self.name = name
    self.id = id
    header = LogHeader()
    header.timestamp = time
    header.target = ObdUUID("config_uuid") ?? ObdUUID()
    bytes = [UInt8](repeating: 0, count: Self.chunkByteCount)
    bytes.withMutableRawSpan { header.encode(into: &$0) }
  }

  /// A log as it was kept; nil when its bytes are not those of a log.
  package init?(name: String, id: LogID, bytes: [UInt8]) {
    var isSwapped = false
    guard let header = try? LogHeader(decoding: bytes.rawBytes, swapped: &isSwapped), !isSwapped
    else { return nil }
    self.name = name
    self.id = id
    self.header = header
    self.bytes = bytes
    var offset = Self.chunkByteCount
    var last: UInt32 = 0
    while offset < bytes.count {
      let end = min(bytes.count, offset - offset % Self.chunkByteCount + Self.chunkByteCount)
      guard let record = try? LogRecordHeader(record: bytes.rawBytes, at: offset, before: end),
        record.index == last + 1
      else { return nil }
      last = record.index
      if offset % Self.chunkByteCount == 0 { firstIndices.append(last) }
      offset += Int(record.length)
    }
    guard last == header.lastIndex, header.count <= last + 1 else { return nil }
  }

  /// Makes the sections of a target count no more: it has new ones (spec 11 §12.1, SKIP).
  ///
  /// - Returns: whether there were any.
  package mutating func skipSections(of target: String) -> Bool {
    guard let name = WireText<64>(target) else { return false }
    var found: [(offset: Int, marker: ConfigMarker)] = []
    forEachRecord { bytes, content in
      guard let record = try? ConfigRecord(decoding: bytes, in: content),
        record.command == .marker
      else { return }
      let range = record.range(of: 1, in: bytes)
      guard range.count >= ConfigMarker.byteCount else { return }
      let marker = ConfigMarker(at: range.lowerBound, in: bytes, swapped: record.swapped)
      if marker.target == name, !marker.flags.contains(.skip) {
        found.append((range.lowerBound, marker))
      }
    }
    bytes.withMutableRawSpan { span in
      for (offset, marker) in found {
        var marker = marker
        marker.flags.insert(.skip)
        marker.encode(into: &span, at: offset)
      }
    }
    return !found.isEmpty
  }

  /// Goes through all records that count.
  package func forEachRecord(_ body: (borrowing RawSpan, Range<Int>) -> Void) {
    var offset = Self.chunkByteCount
    while offset < bytes.count {
      let record = LogRecordHeader(at: offset, in: bytes.rawBytes, swapped: false)
      if record.type == .configuration { body(bytes.rawBytes, record.content(at: offset)) }
      offset += Int(record.length)
    }
  }

  /// The number of the last record; 0 when there is none.
  package var lastIndex: UInt32 { header.lastIndex }

  /// Adds a record with its frame.
  ///
  /// - Parameter content: as `ConfigRecord.encode` makes it, at most 8168 bytes.
  /// - Returns: false when the log has as many records as a log can have.
  @discardableResult
  package mutating func append(_ content: [UInt8]) -> Bool {
    let length = LogRecordHeader.overheadByteCount + RPCMessage.padded(content.count)
    precondition(length <= Self.chunkByteCount, "a record fits in a chunk")
    let room = (Self.chunkByteCount - bytes.count % Self.chunkByteCount) % Self.chunkByteCount
    let needsPadding =
      room != 0 && room != length && room < length + LogRecordHeader.overheadByteCount
    // One for the record, one for the filler in front of it.
    guard Int(lastIndex) + (needsPadding ? 2 : 1) < LogHeader.maximumRecords else { return false }
    if needsPadding { add(.padding, length: room, content: []) }
    add(.configuration, length: length, content: content)
    return true
  }

  private mutating func add(_ type: LogRecordType, length: Int, content: [UInt8]) {
    let start = bytes.count
    header.lastIndex += 1
    if start % Self.chunkByteCount == 0 { firstIndices.append(lastIndex) }
    bytes.append(contentsOf: repeatElement(0, count: length))
    let record = LogRecordHeader(type, length: length, index: lastIndex)
    bytes.replaceSubrange(
      start + LogRecordHeader.byteCount..<start + LogRecordHeader.byteCount + content.count,
      with: content)
    if type == .configuration {
      header.count += 1
      let shortest = header.recordByteCount
      header.recordByteCount = shortest == 0 ? UInt32(length) : min(shortest, UInt32(length))
    }
    let header = self.header
    bytes.withMutableRawSpan { span in
      record.encodeEnds(into: &span, at: start)
      header.encodeCounts(into: &span)
      if type == .configuration { LogHeader.set(Int(record.index), into: &span) }
    }
  }

  /// What a reader gets who asks for the chunk with a record.
  package struct Chunk: Equatable, Sendable {
    /// Where the chunk lies in `bytes`; behind it the reader's 8192 bytes are zero.
    package var range: Range<Int>
    /// Its last record.
    package var lastIndex: UInt32
    /// The first byte behind it in the file, or the file's end.
    package var end: UInt64
  }

  /// The chunk with record `index`; nil when there is no such record: -EBADR.
  package func chunk(with index: UInt32) -> Chunk? {
    guard index >= 1, index <= lastIndex else { return nil }
    guard let number = firstIndices.lastIndex(where: { $0 <= index }) else { return nil }
    let start = Self.chunkByteCount * (number + 1)
    let end = min(start + Self.chunkByteCount, bytes.count)
    let last = number + 1 < firstIndices.count ? firstIndices[number + 1] - 1 : lastIndex
    return Chunk(range: start..<end, lastIndex: last, end: UInt64(end))
  }

  /// The answer's body to a request for the chunk with a record, and where its data lie; nil data: -EBADR.
  ///
  /// Both hold what the kernel's reader checks: the offset is the exact end (spec 11 §12, 3).
  package func answer(_ request: LogBody) -> (body: LogBody, data: Range<Int>?) {
    var body = request
    guard let chunk = chunk(with: request.index) else {
      body.savedIndex = lastIndex
      body.offset = UInt64(bytes.count)
      return (body, nil)
    }
    body.savedIndex = chunk.lastIndex
    body.offset = chunk.end
    return (body, chunk.range)
  }
}
