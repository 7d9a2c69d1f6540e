// Property: a reader asks a server's log what the kernel's reader asks, learns every target and NID in it, and
// ends with an error, never a trap or an endless walk, whatever a server answers.
// Method: the walk of a capture, question by question; logs of our own of several chunks; spoilt answers by seed.
import LustreWire
import Testing

@testable import Roles

@Suite struct LogWalkTests {
  /// A server's side of a walk, with what was asked.
  private struct Reading {
    var questions: [LogBody] = []
    var map = FileSystemMap()
    var end: LogWalk.Question
    var recordCount = 0
    var processed: UInt32 = 0
  }

  /// - Parameters:
  ///   - header: what the log was when its header was read; nil for what it is.
  ///   - map: what earlier walks have told.
  private static func read(
    _ log: ConfigLog, after processed: UInt32 = 0, header: ConfigLog? = nil,
    map known: FileSystemMap = FileSystemMap()
  ) -> Reading {
    var walk = LogWalk(name: log.name, after: processed)
    var reading = Reading(end: .done)
    var body = LogBody()
    body.log = log.id
    walk.opened(body, status: 0, mayBeAbsent: false)
    var map = known
    for _ in 0..<1000 {
      switch walk.question {
      case .open: Issue.record("the log is open")
      case .header(let question):
        reading.questions.append(question)
        let start = header ?? log
        walk.headerRead(start.bytes.span.bytes, status: 0)
      case .block(let question):
        reading.questions.append(question)
        let answer = log.answer(question)
        guard let range = answer.data else {
          let empty: [UInt8] = []
          walk.blockRead(
            answer.body, empty.span.bytes, status: -WireErrno.ebadr.rawValue, take: { _, _ in })
          continue
        }
        let chunk =
          Array(log.bytes[range])
          + [UInt8](repeating: 0, count: ConfigLog.chunkByteCount - range.count)
        walk.blockRead(answer.body, chunk.span.bytes, status: 0) { bytes, content in
          reading.recordCount += 1
          do { try map.apply(bytes, content) } catch { Issue.record("\(error)") }
        }
      case .done, .failed:
        reading.map = map
        reading.end = walk.question
        reading.processed = walk.processed
        return reading
      }
    }
    Issue.record("the walk does not end")
    return reading
  }

  private static func body(
    index: UInt32, saved: UInt32, offset: UInt64, count: UInt32 = 8192
  ) -> LogBody {
    var body = LogBody()
    body.log = LogID(object: 3, sequence: 10)
    body.flags = LogBody.isPlain
    body.index = index
    body.savedIndex = saved
    body.offset = offset
    body.byteCountWanted = count
    return body
  }

  private static func log(objectTargets: UInt32, nids: Int = 2) -> ConfigLog {
    let names = FileSystemNames("lfs")
    var log = ConfigLog(
      name: names.clientLog, id: LogID(object: 3, sequence: 10), createdAt: 0)
    var step: UInt32 = 1
    func place(_ number: UInt32) -> TargetPlace {
      TargetPlace(nodes: [
        (0..<nids).map { .o2ib(10 << 24 | number << 8 | UInt32($0)) }, [.o2ib(11 << 24 | number)],
      ])
    }
    for section in ConfigSection.clientLogStart(names) + [.addMDC(names, index: 0, at: place(0))]
      + (0..<objectTargets).map({ .addOSC(names, index: $0, at: place($0 + 1)) })
    {
      log.append(section, step: step, at: 0)
      step += 1
    }
    return log
  }

  /// Targets register while their log is read: what came after the header was read is told by the next walk.
  @Test(arguments: [UInt32(1), 2, 5, 60])
  func aLogThatGrowsWhileItIsRead(_ more: UInt32) {
    for first in [UInt32(0), 1, 2, 12, 40] {
      let old = Self.log(objectTargets: first)
      let new = Self.log(objectTargets: first + more)
      let early = Self.read(new, header: old)
      #expect(early.end == .done)
      let late = Self.read(new, after: early.processed, map: early.map)
      #expect(late.end == .done)
      #expect(late.map == Self.read(new).map)
      #expect(early.recordCount + late.recordCount == Self.read(new).recordCount)
    }
  }

  /// Spec 11 §12, the example of 25 records; the questions are those of capture 03.
  @Test func asARealClientAsks() {
    let names = FileSystemNames("lustre")
    let place = TargetPlace(nodes: [[.o2ib(1), .tcp(1)]])
    var log = ConfigLog(
      name: names.clientLog, id: LogID(object: 3, sequence: 10), createdAt: 0)
    for section in ConfigSection.clientLogStart(names) { log.append(section, step: 1, at: 0) }
    log.append(.addMDC(names, index: 0, at: place), step: 2, at: 0)
    log.append(.addOSC(names, index: 0, at: place), step: 3, at: 0)
    let reading = Self.read(log)
    #expect(
      reading.questions == [
        Self.body(index: 0, saved: 0, offset: 0, count: 0),
        Self.body(index: 1, saved: 0, offset: 8192),
        Self.body(index: 25, saved: 25, offset: 8192),
      ])
    #expect(reading.end == .done && reading.recordCount == 25)
  }

  @Test(arguments: [UInt32(1), 7, 8, 40, 200])
  func everyTargetIsLearnt(objectTargets: UInt32) {
    let reading = Self.read(Self.log(objectTargets: objectTargets))
    #expect(reading.end == .done)
    #expect(reading.map.metadataTargets.map(\.uuid) == ["lfs-MDT0000_UUID"])
    #expect(reading.map.objectTargets.map(\.index) == Array(0..<objectTargets))
    for target in reading.map.objectTargets {
      #expect(
        reading.map.nids(of: target)
          == [
            .o2ib(10 << 24 | (target.index + 1) << 8),
            .o2ib(10 << 24 | (target.index + 1) << 8 | 1),
            .o2ib(11 << 24 | target.index + 1),
          ])
      #expect(!target.isInactive)
    }
  }

  @Test func onlyWhatIsNewAfterAChange() {
    var log = Self.log(objectTargets: 3)
    let before = log.lastIndex
    #expect(Self.read(log, after: before).questions.count == 1)
    let names = FileSystemNames("lfs")
    log.append(
      .addOSC(names, index: 3, at: TargetPlace(nodes: [[.o2ib(9)]])), step: 99, at: 0)
    let reading = Self.read(log, after: before)
    #expect(reading.map.objectTargets.map(\.index) == [3])
    #expect(reading.recordCount == 6)
  }

  @Test func anAbsentLog() {
    var walk = LogWalk(name: "lfs-sptlrpc")
    walk.opened(LogBody(), status: -2, mayBeAbsent: true)
    #expect(walk.question == .done)
    walk = LogWalk(name: "lfs-client")
    walk.opened(LogBody(), status: -2, mayBeAbsent: false)
    #expect(walk.question == .failed(-2))
  }

  /// Chunks with bytes changed by seed: the walk ends within as many questions as the log has records.
  @Test(arguments: 0..<200)
  func spoiltAnswers(seed: UInt64) {
    var random = Seeded(state: seed)
    var log = Self.log(objectTargets: 12)
    var walk = LogWalk(name: log.name)
    var body = LogBody()
    body.log = log.id
    walk.opened(body, status: 0, mayBeAbsent: false)
    var map = FileSystemMap()
    var questionCount = 0
    while questionCount < 4 * Int(log.lastIndex) {
      questionCount += 1
      switch walk.question {
      case .open, .done, .failed: return
      case .header:
        var bytes = Array(log.bytes[..<8192])
        for _ in 0..<Int(random.next() % 4) {
          bytes[Int(random.next() % 8192)] = UInt8(truncatingIfNeeded: random.next())
        }
        walk.headerRead(bytes.span.bytes, status: 0)
      case .block(let question):
        let answer = log.answer(question)
        var chunk = answer.data.map { Array(log.bytes[$0]) } ?? []
        for _ in 0..<Int(random.next() % 4) where !chunk.isEmpty {
          chunk[Int(random.next() % UInt64(chunk.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        let status = answer.data == nil ? -WireErrno.ebadr.rawValue : 0
        walk.blockRead(answer.body, chunk.span.bytes, status: status) { bytes, content in
          try? map.apply(bytes, content)
        }
      }
    }
    Issue.record("the walk does not end; seed \(seed)")
    log.append([])
  }
}

/// Numbers that a seed repeats.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
