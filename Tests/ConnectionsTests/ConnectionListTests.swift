// Property: the NID of each attempt, its patience and whether it is sent are as spec 11 §9.4 says.
// Method: lists are driven attempt by attempt, with readiness written by hand for each.
@testable import NodeWorld
import LustreWire
import Testing

@testable import Connections

private let a = NID.o2ib(0xC0A8_320A)
private let b = NID.o2ib(0xC0A8_320B)
private let c = NID.o2ib(0xC0A8_320C)

/// A list with its clock.
private struct Bench {
  var list = ConnectionList()
  var now: UInt64 = 100 * second
  var readiness: [(NID, PeerReadiness)] = []
  var profile = TimingProfile.lustre

  init(_ nids: [NID]) {
    for nid in nids { list.append(nid) }
    readiness = nids.map { ($0, .ready) }
  }

  mutating func attempt(repeats: Bool = false) -> ConnectionAttempt? {
    let states = readiness
    let attempt = list.attempt(at: now, repeats: repeats, measured: 0, profile) { nid in
      states.first { $0.0 == nid }?.1 ?? .pending
    }
    if let attempt { now = attempt.deadline }
    return attempt
  }

  mutating func set(_ nid: NID, _ state: PeerReadiness) {
    readiness = readiness.map { $0.0 == nid ? (nid, state) : $0 }
  }
}

struct ConnectionListTests {
  @Test("§9.4: a dead pair is tried in turn, with patience that grows by 5 s a round up to 50 s")
  func deadPair() {
    var bench = Bench([a, b])
    var seen: [(NID, UInt64)] = []
    for _ in 0..<26 {
      let start = bench.now
      guard let attempt = bench.attempt() else { break }
      #expect(attempt.isSent)
      seen.append((attempt.nid, (attempt.deadline - start) / second))
    }
    #expect(seen.map(\.0) == (0..<26).map { $0 % 2 == 0 ? a : b })
    let patience = (0..<26).map { UInt64(min(5 + $0 / 2 * 5, 55)) }
    #expect(seen.map(\.1) == patience)
  }

  @Test("§9.4.1: after EBUSY or EAGAIN the same connection again")
  func repeats() {
    var bench = Bench([a, b])
    #expect(bench.attempt()?.nid == a)
    #expect(bench.attempt(repeats: true)?.nid == a)
    #expect(bench.attempt()?.nid == b)
    #expect(bench.attempt(repeats: true)?.nid == b)
  }

  @Test("§9.4.2a: a connection that has just become ready is taken at once")
  func becomesReady() {
    var bench = Bench([a, b, c])
    for nid in [a, b, c] { bench.set(nid, .pending) }
    #expect(bench.attempt()?.nid == a)
    bench.set(c, .ready)
    #expect(bench.attempt()?.nid == c)
    #expect(bench.attempt()?.nid == b)
  }

  @Test("§9.4.2b: a NID whose ping failed is passed over, unless there is no other")
  func unreachable() {
    var bench = Bench([a, b])
    bench.set(a, .unreachable)
    #expect(bench.attempt()?.nid == b)
    #expect(bench.attempt()?.nid == b)
    bench.set(b, .unreachable)
    let attempt = bench.attempt()
    #expect(attempt?.nid == a)
    #expect(attempt?.isSent == false)
  }

  @Test("§9.4.2d: ready and untried since the last success comes before least recently tried")
  func untriedFirst() {
    var bench = Bench([a, b, c])
    #expect((0..<3).map { _ in bench.attempt()?.nid } == [a, b, c])
    #expect(bench.attempt()?.nid == a)
    #expect(bench.attempt()?.nid == b)
    bench.list.succeeded(at: bench.now, measured: 0)
    bench.now += second
    // By age alone it would be c, a, b.
    #expect((0..<4).map { _ in bench.attempt()?.nid } == [b, a, c, b])
  }

  @Test("§9.4.6: an attempt to a NID that is not discovered is not sent and lasts a second")
  func unsent() {
    var bench = Bench([a])
    bench.set(a, .pending)
    for _ in 0..<3 {
      let start = bench.now
      let attempt = bench.attempt()
      #expect(attempt == ConnectionAttempt(nid: a, isSent: false, deadline: start + second))
    }
    bench.set(a, .ready)
    #expect(bench.attempt()?.isSent == true)
    #expect(bench.list[0].attempts == 4)
  }

  @Test("§9.4.5: the connection that worked becomes the head, the others keep their order")
  func winnerFirst() {
    var bench = Bench([a, b, c])
    while bench.attempt()?.nid != c {}
    bench.list.answered()
    bench.list.succeeded(at: bench.now, measured: second)
    #expect((0..<3).map { bench.list[$0].nid } == [c, a, b])
    #expect(bench.list.current?.nid == c)
    #expect(bench.list[0].replied == 1)
    #expect(bench.list.latency == second)
  }

  @Test("§9.6: another connection has rested when it was not tried for 5 s")
  func rested() {
    var bench = Bench([a, b])
    _ = bench.attempt()
    #expect(bench.list.hasRested(at: bench.now, for: 5 * second))
    _ = bench.attempt()
    #expect(bench.list.hasRested(at: bench.now, for: 5 * second))
    #expect(!bench.list.hasRested(at: bench.now - 6 * second, for: 5 * second))
    var single = Bench([a])
    _ = single.attempt()
    #expect(!single.list.hasRested(at: single.now + 60 * second, for: 5 * second))
  }

  @Test func limits() {
    var list = ConnectionList()
    for number in 0..<UInt32(ConnectionList.countMax) {
      let isTaken = list.append(.o2ib(number))
      #expect(isTaken)
    }
    let known = list.append(.o2ib(0))
    let fifth = list.append(.o2ib(99))
    #expect(known)
    #expect(!fifth)
    #expect(list.count == ConnectionList.countMax)
    var empty = ConnectionList()
    let attempt = empty.attempt(at: 1, repeats: false, measured: 0, .lustre) { _ in .ready }
    #expect(attempt == nil)
  }
}
