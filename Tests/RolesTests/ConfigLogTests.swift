// Property: a configuration log that we write is the one that a real management server wrote of the same targets,
// and readers find each record by its number, up to the last and not beyond.
// Method: the client log of a capture, made again; logs of every length around a chunk's edge, read back.
import Foundation
import LustreWire
import Testing

@testable import Roles

@Suite struct ConfigLogTests {
  private static let address: UInt32 = 192 << 24 | 168 << 16 | 50 << 8 | 10
  private static let place = TargetPlace(nodes: [[.o2ib(address), .tcp(address)]])
  private static let names = FileSystemNames("lustre")
  private static let metadataTime: Int64 = 1_795_351_824
  private static let objectTime: Int64 = 1_795_351_831

  /// The capture's client log, made by us: the steps between are those of other logs.
  private static func made() -> ConfigLog {
    var log = ConfigLog(
      name: names.clientLog, id: LogID(object: 3, sequence: 10), createdAt: metadataTime)
    for (index, section) in ConfigSection.clientLogStart(names).enumerated() {
      log.append(section, step: UInt32(4 + index), at: metadataTime)
    }
    log.append(.addMDC(names, index: 0, at: place), step: 7, at: metadataTime)
    log.append(.addOSC(names, index: 0, at: place), step: 10, at: objectTime)
    return log
  }

  /// The captured log; what lies behind the texts' ends in markers, left-overs of other markers, made zero.
  private static func captured() -> [UInt8] {
    var bytes = GoldenFile.vector("header", in: "client-log.txt")
    var records = GoldenFile.vector("records", in: "client-log.txt")
    var start = 0
    while start < records.count {
      let length = records.withUnsafeBytes {
        unsafe $0.loadUnaligned(fromByteOffset: start, as: UInt32.self)
      }
      if length == 224 {
        for text in [start + 88, start + 152] {
          var isOver = false
          for index in text..<text + 64 {
            isOver = isOver || records[index] == 0
            if isOver { records[index] = 0 }
          }
        }
      }
      start += Int(length)
    }
    bytes += records
    return bytes
  }

  @Test func theClientLogOfARealServer() {
    let ours = Self.made().bytes
    let theirs = Self.captured()
    #expect(ours.count == 12_312 && theirs.count == ours.count)
    let differing = zip(ours, theirs).enumerated().first { $1.0 != $1.1 }?.offset
    #expect(differing == nil)
  }

  @Test func whatItsReaderGets() {
    let log = Self.made()
    var request = LogBody()
    request.index = 1
    request.offset = 8192
    let first = log.answer(request)
    #expect(first.body.savedIndex == 25 && first.body.offset == 12_312)
    #expect(first.data == 8192..<12_312)
    request.index = 25
    #expect(log.answer(request).data == 8192..<12_312)
    request.index = 26
    let beyond = log.answer(request)
    #expect(beyond.data == nil)
    #expect(beyond.body.savedIndex == 25 && beyond.body.offset == 12_312)
    request.index = 0
    #expect(log.answer(request).data == nil)
  }

  /// Records of every length that can meet a chunk's edge; each is found again, whole, in its chunk.
  @Test(arguments: [1, 8, 40, 168, 4072, 8168 - 24, 8168])
  func edges(contentByteCount: Int) {
    var log = ConfigLog(name: "edges", id: LogID(object: 1, sequence: 10), createdAt: 0)
    for number in 0..<300 {
      let content = [UInt8](repeating: UInt8(number % 251), count: contentByteCount)
      let fits = log.append(content)
      #expect(fits)
    }
    var seen = 0
    var index: UInt32 = 1
    while let chunk = log.chunk(with: index) {
      let bytes = log.bytes
      var offset = chunk.range.lowerBound
      while offset < chunk.range.upperBound {
        let header = try? LogRecordHeader(
          record: bytes.span.bytes, at: offset, before: chunk.range.upperBound)
        guard let header else {
          Issue.record("no record at \(offset)")
          return
        }
        #expect(header.index == index)
        let counts = LogHeader.isSet(Int(index), in: bytes.span.bytes)
        #expect(counts == (header.type == .configuration))
        if header.type == .configuration {
          #expect(bytes[header.content(at: offset)].first == UInt8(seen % 251))
          seen += 1
        }
        offset += Int(header.length)
        index += 1
      }
      #expect(chunk.lastIndex == index - 1)
    }
    #expect(seen == 300)
    #expect(index - 1 == log.lastIndex)
  }

  @Test func aFullLogRefusesAWholeSection() {
    var log = ConfigLog(name: "full", id: LogID(object: 1, sequence: 10), createdAt: 0)
    let limit = LogHeader.maximumRecords
    while Int(log.lastIndex) < limit - 4 {
      guard log.append([1]) else { break }
    }
    let before = log.lastIndex
    let fits = log.append(.addMDC(Self.names, index: 1, at: Self.place), step: 1, at: 0)
    #expect(!fits)
    #expect(log.lastIndex == before)
  }
}
