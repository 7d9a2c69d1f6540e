// Property: whatever a client asks, bent or forged, the server does not trap, serves its honest client, and has nothing left
// when the hostile one is gone; and the same of clients whose server's words are bent.
// Method: programs of random bytes direct the hostile side against whole nodes in virtual time, as the fuzz targets
// fuzz-requests and fuzz-replies do for much longer; their corpora have the inputs that once did harm.
import NodeWorld
import Structures
import Testing

@Suite struct HostilePeerTests {
  static func program(_ seed: UInt64, byteCount: Int = 400) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  @Test(arguments: 1...3)
  func doesNoHarm(seed: Int) {
    let report = RequestFuzz.run(Self.program(UInt64(seed)))
    #expect(report.violations == [])
    #expect(report.replyCount > 5)
  }

  @Test func runsAreRepeated() {
    let program = Self.program(9, byteCount: 60)
    #expect(RequestFuzz.run(program) == RequestFuzz.run(program))
  }

  @Test(arguments: 1...4)
  func isNotHarmed(seed: Int) {
    let report = ReplyFuzz.run(Self.program(100 + UInt64(seed)))
    #expect(report.violations == [])
    #expect(report.bentCount > 3)
  }

  @Test func isMountedWhenNothingIsBent() {
    let report = ReplyFuzz.run([])
    #expect(report.violations == [] && report.isMounted && report.bentCount == 0)
  }
}
