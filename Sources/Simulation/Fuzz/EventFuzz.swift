internal import LustreWire
package import NodeCore
internal import RDMATransport

/// A hostile peer against real cores, directed by bytes: whatever it does, the cores do not trap, the other peer is
/// unhurt, and at the end nothing is left.
package final class EventFuzz {
  /// Runs one program of bytes.
  package static func run(
    _ bytes: [UInt8], prepare: @escaping (inout NodeCore) -> Void = { _ in }
  ) -> Simulator.Report {
    let fuzz = EventFuzz(bytes, prepare: prepare)
    fuzz.runProgram()
    return fuzz.finish()
  }

  /// Node 0 is the victim, node 1 its honest peer, and the host after them is hostile.
  private static var hostileNode: Int { 2 }
  private static var stepCountMax: Int { 400 }

  private let simulator: Simulator
  private var source: ByteSource
  private var hostile: HostilePeer?
  /// The hostile peer's machine goes by many lives.
  private var last: [UInt8] = []

  private init(_ bytes: [UInt8], prepare: @escaping (inout NodeCore) -> Void) {
    source = ByteSource(bytes)
    let seed = UInt64(source.next())
    var scenario = Scenario(seed: seed)
    // The honest peer's connection stands before the hostile one comes.
    scenario.operations = [Scenario.Operation(time: 0, kind: .put, from: 1, to: 0, byteCount: 64)]
    simulator = Simulator(scenario, prepare: prepare)
    simulator.afterStep = { [unowned self] awakened in
      if let hostile, awakened.contains(hostile.transport.host.number) { hostile.poll() }
    }
  }

  private func runProgram() {
    simulator.runOperations()
    advance(5_000_000)
    comeToLife()
    var steps = 0
    while !source.isEmpty, steps < Self.stepCountMax, simulator.violations.isEmpty {
      steps += 1
      step()
      advance(20_000)
    }
  }

  /// The hostile peer is gone; the honest ones must be as if it had never been.
  private func finish() -> Simulator.Report {
    let isSilent = source.next() & 1 == 1
    endLife(silently: isSilent)
    if simulator.violations.isEmpty { simulator.heal() }
    if simulator.violations.isEmpty { simulator.checkLiveness() }
    // A dead machine's connection is let go when a send to it fails: the keepalive's at the latest.
    advance(400_000_000_000)
    if simulator.violations.isEmpty { simulator.rest() }
    if simulator.violations.isEmpty { simulator.stop() }
    simulator.afterStep = nil
    return simulator.report
  }

  private func advance(_ nanoseconds: UInt64) {
    simulator.run(until: simulator.fabric.now + nanoseconds)
  }

  private func comeToLife() {
    guard hostile == nil else { return }
    hostile = HostilePeer(
      fabric: simulator.fabric, nid: Simulator.nid(Self.hostileNode), victim: Simulator.nid(0))
    if let host = hostile?.transport.host { simulator.checker.lawless.insert(host.number) }
  }

  private func endLife(silently: Bool) {
    if silently, let host = hostile?.transport.host { simulator.fabric.powerOff(host) }
    hostile = nil
  }

  // MARK: - Steps

  private func step() {
    let choice = source.next(below: 20)
    switch choice {
    case 0: advance(UInt64(1) << UInt64(source.next(below: 36)))
    case 1: endLife(silently: source.next() & 1 == 1)
    case 2: comeToLife()
    case 3: setManner()
    case 4: askVictim()
    case 5: askHonest()
    default: hostile.map { act(choice, $0) }
    }
  }

  private func act(_ choice: Int, _ peer: HostilePeer) {
    switch choice {
    case 6: peer.connect(hello: spoil(peer.hello(.connectRequest, queueDepth: depth())))
    case 7: peer.connect(hello: peer.hello(.connectRequest))
    case 8:
      let links = peer.links.indices.filter { !peer.links[$0].isDead }
      if !links.isEmpty {
        peer.end(links[source.next(below: links.count)], orderly: source.next() & 1 == 1)
      }
    case 9: peer.reposts.toggle()
    case 10: write(peer)
    default:
      let links = peer.liveLinks
      guard !links.isEmpty else { return peer.connect(hello: peer.hello(.connectRequest)) }
      let link = links[source.next(below: links.count)]
      let message = choice == 11 ? last : spoil(message(choice, peer))
      last = message
      let repeats = choice == 12 ? 1 + source.next(below: 40) : 1
      for _ in 0..<repeats { peer.send(message, on: link) }
    }
  }

  private func depth() -> UInt16 {
    let depths: [UInt16] = [8, 1, 4, 7, 9, 16, 255, 0]
    return depths[source.next(below: depths.count)]
  }

  private func setManner() {
    guard let hostile else { return }
    let manners: [HostilePeer.Manner] = [.accept, .acceptWrongly, .reject, .silence]
    hostile.manner = manners[source.next(below: manners.count)]
    hostile.wrongReply =
      hostile.manner == .reject
      ? spoil(hostile.rejection(RejectReason(rawValue: source.next() % 12)))
      : spoil(hostile.hello(.connectAcknowledge, queueDepth: depth()))
  }

  /// The victim itself turns to the hostile peer.
  private func askVictim() {
    let kinds = Scenario.Operation.Kind.allCases
    ask(
      Scenario.Operation(
        time: 0, kind: kinds[source.next(below: kinds.count)], from: 0, to: Self.hostileNode,
        byteCount: source.next16()), mayFail: true)
  }

  private func askHonest() {
    let kinds = Scenario.Operation.Kind.allCases
    let from = source.next(below: 2)
    ask(
      Scenario.Operation(
        time: 0, kind: kinds[source.next(below: kinds.count)], from: from, to: 1 - from,
        byteCount: source.next16()), mayFail: false)
  }

  private func ask(_ operation: Scenario.Operation, mayFail: Bool) {
    guard simulator.ledger.runningCount < 32 else { return }
    let index = simulator.ledger.add(operation, mayFail: mayFail)
    if operation.to < 2, let target = simulator.nodes[operation.to] {
      simulator.expose(index, at: target)
    }
    simulator.begin(index)
  }

  private func write(_ peer: HostilePeer) {
    let links = peer.liveLinks
    guard !links.isEmpty else { return }
    let link = links[source.next(below: links.count)]
    let offers = peer.puts + peer.gets
    guard !offers.isEmpty, source.next() & 3 != 0 else {
      return peer.write(
        key: UInt32(truncatingIfNeeded: source.edge()), address: source.edge(),
        byteCount: source.next16(), on: link)
    }
    let offer = offers[source.next(below: offers.count)]
    peer.write(
      key: offer.key, address: offer.address &+ UInt64(source.next(below: 3)),
      byteCount: source.next() & 1 == 0 ? Int(min(offer.byteCount, 4096)) : source.next16(),
      on: link)
  }
}

// MARK: - Messages

extension EventFuzz {
  private func portal() -> UInt32 {
    let portals: [UInt32] = [33, 0, 34, 63, 64, .max]
    return portals[source.next(below: portals.count)]
  }

  private func fragments(_ peer: HostilePeer) -> [RDMAFragment] {
    let counts = [1, 1, 1, 2, 16, 256, 257]
    let count = counts[source.next(below: counts.count)]
    let size = UInt32(
      truncatingIfNeeded: source.next() & 1 == 0 ? 5000 / UInt64(count) : source.edge())
    let address = source.next() & 3 == 0 ? source.edge() : peer.address
    return (0..<count).map {
      RDMAFragment(byteCount: size, address: address &+ UInt64($0) &* UInt64(size))
    }
  }

  private func key(_ peer: HostilePeer) -> UInt32 {
    source.next() & 3 == 0 ? UInt32(truncatingIfNeeded: source.edge()) : peer.key
  }

  private func cookie(_ known: [UInt64]) -> UInt64 {
    known.isEmpty || source.next() & 3 == 0
      ? source.edge() : known[source.next(below: known.count)]
  }

  private func status(_ byteCount: UInt32) -> Int32 {
    let choice = source.next()
    if choice & 1 == 0 { return Int32(truncatingIfNeeded: byteCount) }
    return Int32(truncatingIfNeeded: source.edge())
  }

  private func message(_ choice: Int, _ peer: HostilePeer) -> [UInt8] {
    switch choice {
    case 12:
      return peer.immediatePut(
        portal: portal(), matchBits: source.edge(),
        payload: Array(repeating: source.next(), count: source.next16() % 4000),
        credits: source.next() & 3 == 0 ? source.next() : 0)
    case 13:
      let isPing = source.next() & 1 == 0
      return peer.immediateGet(
        portal: isPing ? 0 : portal(),
        matchBits: isPing ? LNetLimits.pingMatchBits : source.edge(), sinkLength: source.next16())
    case 14:
      return peer.putRequest(
        portal: portal(), matchBits: source.edge(), payload: source.next16() * 20,
        cookie: source.edge())
    case 15:
      return peer.getRequest(
        portal: portal(), matchBits: source.edge(), cookie: source.edge(), key: key(peer),
        fragments: fragments(peer))
    case 16:
      return peer.putAcknowledge(
        cookie: cookie(peer.putCookies.map(\.cookie)), sinkCookie: source.edge(), key: key(peer),
        fragments: fragments(peer))
    case 17:
      let isNak = source.next() & 1 == 0
      let known = isNak ? peer.putCookies.map(\.cookie) : peer.puts.map(\.sinkCookie)
      return peer.completion(
        isNak ? .putNak : .putDone, cookie: cookie(known),
        status: status(peer.puts.last?.byteCount ?? 0))
    case 18:
      return peer.completion(
        .getDone, cookie: cookie(peer.gets.map(\.sourceCookie)),
        status: status(peer.gets.last?.byteCount ?? 0))
    default:
      if source.next() & 1 == 0 { return peer.noop(credits: source.next()) }
      return peer.response(
        isReply: source.next() & 1 == 0, cookie: source.edge(), payload: source.next16() % 4000)
    }
  }

  /// Changes nothing, some bytes, the length, or the byte order of the envelope.
  private func spoil(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    switch source.next() {
    case 0..<128: break
    case 128..<200:
      for _ in 0...source.next(below: 3) where !bytes.isEmpty {
        let place = source.next16() % bytes.count
        bytes[place] = source.next() & 1 == 0 ? bytes[place] ^ source.next() : source.next()
      }
    case 200..<220: bytes = Array(bytes.prefix(source.next16() % (bytes.count + 1)))
    case 220..<235: bytes += Array(repeating: source.next(), count: Int(source.next()))
    case 235..<245:
      let widths = [4, 2, 1, 1, 4, 4, 8, 8, 8, 8]
      var place = 0
      for width in widths where place + width <= bytes.count {
        bytes.replaceSubrange(
          place..<place + width, with: bytes[place..<place + width].reversed())
        place += width
      }
    default: bytes = (0..<source.next16() % 4100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    }
    return bytes
  }
}
