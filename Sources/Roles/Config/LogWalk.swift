package import LustreWire

/// How a reader goes through one log: what it asks next, and the records that have come.
///
/// As the kernel's reader does: only records whose bit is set count, and the chunk with the last one is read a
/// second time before that one is believed (spec 11 §12). A server that answers nonsense ends the walk with
/// an error; it cannot make it endless, as every answer must bring the walk forward.
package struct LogWalk: Sendable {
  /// What to ask the server next.
  package enum Question: Equatable, Sendable {
    case open(name: String)
    case header(LogBody)
    case block(LogBody)
    /// All has been read.
    case done
    /// The log cannot be read: a negative errno.
    case failed(Int32)
  }

  package let name: String
  /// The last record that has been taken: where a later walk of the same log goes on.
  package private(set) var processed: UInt32
  package private(set) var question: Question
  private var log = LogID()
  private var header = LogHeader()
  /// The header's chunk, for its bitmap.
  private var bitmap: [UInt8] = []
  private var hasReadLastTwice = false

  /// - Parameter processed: the last record that is known from an earlier walk.
  package init(name: String, after processed: UInt32 = 0) {
    self.name = name
    self.processed = processed
    question = .open(name: name)
  }

  /// The log is open, or there is none: an absent log reads as an empty one when `mayBeAbsent`.
  package mutating func opened(_ body: LogBody, status: Int32, mayBeAbsent: Bool) {
    if status == -WireErrno.enoent.rawValue && mayBeAbsent {
      question = .done
    } else if status != 0 {
      question = .failed(status)
    } else if body.log.object == 0 {
      question = .failed(-WireErrno.eproto.rawValue)
    } else {
      log = body.log
      question = .header(ask(for: 0))
    }
  }

  /// The header has come.
  package mutating func headerRead(_ bytes: borrowing RawSpan, status: Int32) {
    guard status == 0 else {
      question = .failed(status)
      return
    }
    var isSwapped = false
    do throws(WireError) {
      header = try LogHeader(decoding: bytes, swapped: &isSwapped)
    } catch {
      question = .failed(-WireErrno.eproto.rawValue)
      return
    }
    guard Int(header.lastIndex) < LogHeader.maximumRecords else {
      question = .failed(-WireErrno.eproto.rawValue)
      return
    }
    bitmap = []
    bitmap.reserveCapacity(LogHeader.byteCount)
    for index in 0..<LogHeader.byteCount { bitmap.append(bytes.byte(at: index)) }
    hasReadLastTwice = false
    askForNext(savedIndex: 0, offset: UInt64(LogHeader.byteCount))
  }

  /// A chunk has come; `take` gets each record that counts, in order, as the range of its content.
  package mutating func blockRead(
    _ body: LogBody, _ bytes: borrowing RawSpan, status: Int32,
    take: (borrowing RawSpan, Range<Int>) -> Void
  ) {
    guard status == 0 else {
      // The end, exactly where we stand, is a clean one.
      let isEnd = status == -WireErrno.ebadr.rawValue
      question = isEnd ? .done : .failed(status)
      return
    }
    let before = processed
    var offset = 0
    while offset + LogRecordHeader.overheadByteCount <= bytes.byteCount {
      let record: LogRecordHeader
      do throws(WireError) {
        record = try LogRecordHeader(record: bytes, at: offset, before: bytes.byteCount)
      } catch {
        // What is zero lies behind the last record; anything else is spoilt.
        if bytes.native(UInt32.self, at: offset) != 0 {
          question = .failed(-WireErrno.eproto.rawValue)
          return
        }
        break
      }
      let start = offset
      offset += Int(record.length)
      guard record.index > processed else { continue }
      // The log has grown since its header was read: what is new belongs to the next walk, whose bitmap has it.
      if record.index > header.lastIndex { break }
      if record.index == header.lastIndex && !hasReadLastTwice {
        hasReadLastTwice = true
        var again = ask(for: record.index)
        again.savedIndex = body.savedIndex
        // Where the chunk begins.
        again.offset = max(body.offset, 1) - 1
        again.offset -= again.offset % UInt64(LogHeader.byteCount)
        question = .block(again)
        return
      }
      processed = record.index
      if record.type == .configuration && isSet(record.index) {
        take(bytes, record.content(at: start))
      }
    }
    guard processed > before else {
      question = .failed(-WireErrno.eproto.rawValue)
      return
    }
    askForNext(savedIndex: body.savedIndex, offset: body.offset)
  }

  private mutating func askForNext(savedIndex: UInt32, offset: UInt64) {
    var next = processed + 1
    while next <= header.lastIndex && !isSet(next) { next += 1 }
    guard next <= header.lastIndex else {
      question = .done
      return
    }
    // What lies between is filler.
    processed = next - 1
    var body = ask(for: next)
    body.savedIndex = savedIndex
    body.offset = offset
    question = .block(body)
  }

  private func isSet(_ index: UInt32) -> Bool {
    let place = LogHeader.bitmapOffset + Int(index) / 8
    guard place < bitmap.count else { return false }
    return bitmap[place] >> UInt8(index % 8) & 1 == 1
  }

  private func ask(for index: UInt32) -> LogBody {
    var body = LogBody()
    body.log = log
    body.flags = LogBody.isPlain
    body.index = index
    body.byteCountWanted = index == 0 ? 0 : UInt32(ConfigLog.chunkByteCount)
    return body
  }
}
