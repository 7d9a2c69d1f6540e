package import RDMATransport
internal import Structures

/// A network of any number of simulated devices, in virtual time and on one thread.
///
/// Nothing happens by itself: `step` carries out the next event, and everything random is drawn from one
/// seeded generator in the order of events, so that a seed repeats a run exactly.
package final class SimulatedFabric {
  static var queuePairCountMax: Int { 4096 }

  package internal(set) var now: UInt64
  package var model: NetworkModel
  package var trace = TraceHash()
  package var sabotage = Sabotage()
  package weak var observer: (any FabricObserver)?
  /// Hosts that have something to poll since `takeAwakened` was last called, in the order of their wake-up.
  private var awakened: [Int] = []

  var heap = EventHeap<FabricEvent>()
  private var random: SeededGenerator
  package private(set) var hosts: [SimulatedHost] = []
  /// Machines that are switched off: nothing there answers.
  private var dark: Set<UInt32> = []
  private var cuts: [(UInt32, UInt32)] = []
  var nextQueuePairNumber: UInt32 = 0x11
  var nextRequestHandle: UInt64 = 1
  /// Pairs of machines that have been connected: only they can refuse as stale.
  var acquainted: Set<UInt64> = []

  package init(seed: UInt64, model: NetworkModel = NetworkModel(), now: UInt64 = 1_000_000_000) {
    random = SeededGenerator(seed: seed)
    self.model = model
    self.now = now
  }

  /// A new device, with a process to use it, on the machine with these IPv4 addresses.
  package func openTransport(addresses: [UInt32]) -> SimulatedTransport {
    let host = SimulatedHost(number: hosts.count, addresses: addresses, fabric: self)
    hosts.append(host)
    for address in addresses { dark.remove(address) }
    return SimulatedTransport(host: host, fabric: self)
  }

  /// What every device here can do.
  package var capabilities = TransportCapabilities(
    queuePairCountMax: queuePairCountMax, sendCapacityMax: 16_384, receiveCapacityMax: 4096,
    sendSegmentsMax: 2, inlineByteCountMax: 128, supportsRDMARead: true, mtu: 4096)

  // MARK: - Time

  package var nextTime: UInt64? { heap.nextTime }

  /// Carries out everything up to a time, and sets the clock to it.
  package func advance(to time: UInt64) {
    while let next = heap.nextTime, next <= time { step() }
    now = max(now, time)
  }

  /// Carries out the next event; false when there is none.
  @discardableResult
  package func step() -> Bool {
    guard let (time, event) = heap.popFirst() else { return false }
    now = max(now, time)
    trace.mix(now)
    perform(event)
    return true
  }

  /// The hosts that have got something to poll, each once, in a repeatable order.
  package func takeAwakened() -> [Int] {
    var result: [Int] = []
    for number in awakened where !result.contains(number) { result.append(number) }
    awakened = []
    return result
  }

  func wake(_ host: SimulatedHost, at time: UInt64) {
    if time <= now { awakened.append(host.number) } else { heap.add(.wake(host), at: time) }
  }

  private func perform(_ event: FabricEvent) {
    switch event {
    case .wake(let host): awakened.append(host.number)
    case .arrive(let queuePair, let sequence, let epoch):
      arrive(queuePair, sequence: sequence, epoch: epoch)
    case .acknowledge(let queuePair, let sequence, let status):
      acknowledge(queuePair, through: sequence, status: status)
    case .retransmit(let queuePair, let epoch):
      guard queuePair.epoch == epoch else { return }
      queuePair.isStalled = false
      transmit(queuePair)
    case .lost(let queuePair, let sequence, let epoch):
      resendLost(queuePair, sequence: sequence, epoch: epoch)
    case .fail(let queuePair, let epoch, let status):
      if queuePair.epoch == epoch { queuePair.fail(status) }
    case .lateWrite(let write): perform(lateWrite: write)
    case .stray(let packet): arrive(packet)
    case .message(let message): deliver(message)
    case .connectionTimer(let connection, let step, let attempt):
      connection.timerFired(step: step, attempt: attempt)
    }
  }

  // MARK: - Chance

  func draw(upTo limit: UInt64) -> UInt64 {
    limit == 0 ? 0 : UInt64.random(in: 0...limit, using: &random)
  }

  func chance(perMille: UInt64) -> Bool {
    perMille > 0 && UInt64.random(in: 0..<1000, using: &random) < perMille
  }

  // MARK: - Links and machines

  /// Cuts the link between two machines, both ways, or mends it.
  package func setLink(_ a: UInt32, _ b: UInt32, isUp: Bool) {
    trace.event(5, UInt64(a), UInt64(b), isUp ? 1 : 0)
    cuts.removeAll { ($0.0 == a && $0.1 == b) || ($0.0 == b && $0.1 == a) }
    if !isUp { cuts.append((a, b)) }
  }

  package func mendAllLinks() {
    trace.event(6, 0, 0, 0)
    cuts = []
  }

  /// Switches a machine off: its process dies and nobody is told.
  package func powerOff(_ host: SimulatedHost) {
    host.close(silently: true)
    for address in host.addresses { dark.insert(address) }
  }

  func reaches(_ a: UInt32, _ b: UInt32) -> Bool {
    if dark.contains(a) || dark.contains(b) { return false }
    return !cuts.contains { ($0.0 == a && $0.1 == b) || ($0.0 == b && $0.1 == a) }
  }

  /// Whether any machine ever had the address.
  func exists(_ address: UInt32) -> Bool {
    hosts.contains { $0.addresses.contains(address) }
  }

  func listener(at address: SocketAddress) -> SimulatedListener? {
    for host in hosts where host.life == .running {
      for listener in host.listeners where listener.address == address { return listener }
    }
    return nil
  }
}

/// Something that is to happen on the fabric.
enum FabricEvent {
  case wake(SimulatedHost)
  /// A request reaches the peer of its queue pair.
  case arrive(SimulatedQueuePair, sequence: UInt64, epoch: UInt32)
  case acknowledge(SimulatedQueuePair, sequence: UInt64, status: CompletionStatus)
  case retransmit(SimulatedQueuePair, epoch: UInt32)
  /// No acknowledgement came in time.
  case lost(SimulatedQueuePair, sequence: UInt64, epoch: UInt32)
  case fail(SimulatedQueuePair, epoch: UInt32, status: CompletionStatus)
  case lateWrite(LateWrite)
  /// A request whose queue pair has gone since it was put on the wire.
  case stray(StrayPacket)
  case message(CMMessage)
  case connectionTimer(SimulatedConnection, step: Int, attempt: Int)
}
