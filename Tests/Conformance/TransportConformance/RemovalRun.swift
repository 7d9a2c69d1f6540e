internal import CLinuxShims
package import RDMATransport

/// A device that is taken away from under several loops, and comes back. Whoever runs this does both.
package struct RemovalRun<T: RDMATransport & SendableMetatype & ~Copyable>: ~Copyable {
  /// One more loop on the device.
  private final class Loop {
    var endpoint: Endpoint<T>
    init(_ endpoint: consuming Endpoint<T>) { self.endpoint = endpoint }
  }

  private let backend: Backend<T>
  private var pair: Pair<T>
  /// Each with a connection half-way.
  private var others: [Loop] = []
  /// Those that come while the device goes; the oldest that has heard nothing yet leaves again.
  private var newcomers: [Loop] = []

  private static var owner: CMOwner { 7 }
  private static var port: UInt16 { 6999 }

  private init(_ backend: Backend<T>) throws {
    let pair = try Pair(backend, port: Self.port)
    self.backend = backend
    self.pair = pair
  }

  /// - Parameter say: told *connected*, then *removed* when nothing of ours holds the device any more, then
  ///   *again* when a new one has served this process.
  package static func run(_ backend: Backend<T>, say: (String) -> Void) throws {
    try loseDevice(backend, say)
    say("removed")
    var pair = try pairOfNewDevice(backend)
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 1
    let connection = try pair.connect(plan)
    try expectEqual(pair.client.post([pair.send(connection.client, 1, count: 64)]), .posted, "post")
    try pair.wait(for: "the message") {
      $0.server.completion(connection.serverReceives.lowerBound)?.status == .success
    }
    try pair.destroy(connection)
    say("again")
  }

  private static func loseDevice(_ backend: Backend<T>, _ say: (String) -> Void) throws {
    var run = try RemovalRun(backend)
    try run.pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 5
    let connection = try run.pair.connect(plan)
    let (waiting, _, _) = try run.pair.request(plan)
    try run.prepareOthers(plan, count: 3)
    say("connected")
    try run.waitForRemoval()
    try run.endPair(connection, waiting)
    try run.endOthers()
  }

  // MARK: - Before

  private mutating func prepareOthers(_ plan: Pair<T>.Plan, count: Int) throws {
    for index in 0..<count {
      let other = Loop(try Endpoint(backend.make(.client), address: backend.address(.client)))
      others.append(other)
      let route = pair.route()
      other.endpoint.execute(.prepare(owner: Self.owner, route: route, attributes: plan.client))
      try wait(for: "the queue pair of loop \(index)") { _ in
        other.endpoint.ready(Self.owner) != nil
      }
      guard let ready = other.endpoint.ready(Self.owner) else { return }
      try other.endpoint.postReceives(ready.pair, ids: 0..<3)
    }
  }

  // MARK: - The removal

  private mutating func waitForRemoval() throws {
    var refusals = 0
    try wait(for: "every loop to hear of the removal, and new ones to be refused") { run in
      if refusals == 0 { refusals += run.welcome() ? 0 : 1 }
      return refusals > 0 && Self.hasHeard(run.pair.server) && Self.hasHeard(run.pair.client)
        && (run.others + run.newcomers).allSatisfy { Self.hasHeard($0.endpoint) }
    }
  }

  private static func hasHeard(_ endpoint: borrowing Endpoint<T>) -> Bool {
    endpoint.events.contains { if case .deviceRemoved = $0.kind { true } else { false } }
  }

  /// One more loop, if it can still be had.
  private mutating func welcome() -> Bool {
    do {
      newcomers.append(
        Loop(try Endpoint(backend.make(.client), address: backend.address(.client))))
    } catch {
      return false
    }
    if newcomers.count > 4, !Self.hasHeard(newcomers[0].endpoint) { newcomers.removeFirst() }
    return true
  }

  // MARK: - After

  /// An established connection, a listener, and a request that nobody has answered.
  private mutating func endPair(_ connection: Pair<T>.Connection, _ waiting: CMOwner) throws {
    try wait(for: "the end of every connection, and their receives") {
      $0.pair.client.isDisconnected(connection.clientOwner)
        && $0.pair.server.isDisconnected(connection.serverOwner)
        && $0.pair.client.failure(waiting) != nil
        && $0.pair.client.completions.count == 5 && $0.pair.server.completions.count == 5
    }
    try expect(
      (pair.client.completions + pair.server.completions).allSatisfy { $0.status == .flushed },
      "not all flushed")
    // Nothing works any more, and everything says so.
    let late: CMOwner = 8
    let route = pair.route()
    pair.client.execute(
      .prepare(owner: late, route: route, attributes: Pair<T>.Plan().client))
    try wait(for: "the refusal of a connection") { $0.pair.client.failure(late) != nil }
    for owner in [connection.clientOwner, waiting, late] {
      pair.client.execute(.destroy(owner: owner))
    }
    for owner in [connection.serverOwner, Pair<T>.listener] {
      pair.server.execute(.destroy(owner: owner))
    }
    try wait(for: "released") { run in
      [connection.clientOwner, waiting, late].allSatisfy { run.pair.client.isReleased($0) }
        && [connection.serverOwner, Pair<T>.listener].allSatisfy { run.pair.server.isReleased($0) }
    }
  }

  private mutating func endOthers() throws {
    for (index, other) in others.enumerated() {
      try wait(for: "the failure of loop \(index)") { _ in
        other.endpoint.failure(Self.owner) != nil
      }
      other.endpoint.execute(.destroy(owner: Self.owner))
      try wait(for: "released at loop \(index)") { _ in other.endpoint.isReleased(Self.owner) }
      try expectEqual(other.endpoint.completions.map(\.id), [0, 1, 2], "its receives")
      try expect(other.endpoint.completions.allSatisfy { $0.status == .flushed }, "not flushed")
    }
  }

  /// Two new transports, as soon as there is a device again.
  private static func pairOfNewDevice(_ backend: Backend<T>) throws -> Pair<T> {
    let deadline = clinux_monotonic_nanoseconds() + Pair<T>.patience
    while true {
      do {
        return try Pair(backend, port: port)
      } catch {
        if clinux_monotonic_nanoseconds() > deadline { throw error }
        nap()
      }
    }
  }

  // MARK: - Time

  /// Drives all loops until the condition holds.
  private mutating func wait(
    for what: @autoclosure () -> String, line: Int = #line,
    until condition: (inout RemovalRun<T>) -> Bool
  ) throws {
    let deadline = clinux_monotonic_nanoseconds() + Pair<T>.patience
    while true {
      var isBusy = pair.pump()
      for loop in others + newcomers where loop.endpoint.pump() { isBusy = true }
      if condition(&self) { return }
      if clinux_monotonic_nanoseconds() > deadline {
        throw Stop.failure("never came: \(what()) (line \(line))")
      }
      if !isBusy { Self.nap() }
    }
  }

  private static func nap() {
    let epoll = clinux_epoll()
    defer { clinux_close(epoll) }
    _ = clinux_epoll_sleep(epoll, 1_000_000)
  }
}
