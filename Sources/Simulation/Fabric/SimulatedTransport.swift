package import RDMATransport

/// The transport of one simulated node: verbs' semantics in virtual time.
///
/// It neither waits nor wakes anybody: who drives it advances the fabric. When it goes out of scope, its
/// process is dead and its peers' connection managers hear of it.
package struct SimulatedTransport: RDMATransport, ~Copyable {
  package let host: SimulatedHost
  /// Keeps the network in being; hosts refer to it without owning it.
  private let fabric: SimulatedFabric

  init(host: SimulatedHost, fabric: SimulatedFabric) {
    self.host = host
    self.fabric = fabric
  }

  deinit { host.close(silently: false) }

  package var capabilities: TransportCapabilities { fabric.capabilities }

  package mutating func allocate(byteCount: Int, access: MemoryAccess) throws(TransportError)
    -> MemoryRegion
  {
    guard host.life == .running else {
      throw TransportError(
        call: "ibv_reg_mr", errno: Errno.noDevice,
        explanation: "\(byteCount) bytes on a device that is gone")
    }
    guard byteCount > 0 else {
      throw TransportError(
        call: "ibv_reg_mr", errno: Errno.invalid, explanation: "a region of \(byteCount) bytes")
    }
    return host.memory.allocate(byteCount: byteCount, access: access)
  }

  package mutating func release(_ region: MemoryRegion) { host.memory.release(region) }
  /// Its memory is the simulator's, and lives as long.
  package mutating func keepMemory() {}

  package mutating func execute(_ commands: Span<CMCommand>) {
    for index in 0..<commands.count { host.execute(commands[index]) }
  }

  package mutating func post(receives: Span<ReceiveRequest>) -> PostResult {
    host.post(receives: receives)
  }

  package mutating func post(sends: Span<SendRequest>) -> PostResult { host.post(sends: sends) }

  package mutating func poll(completions: inout OutputSpan<WorkCompletion>) {
    host.poll(completions: &completions)
  }

  package mutating func poll(events: inout OutputSpan<CMEvent>) { host.poll(events: &events) }

  /// There is no descriptor in virtual time.
  package var wakeDescriptor: Int32 { -1 }

  package mutating func arm() -> Bool { !host.hasWork }

  package mutating func nextDeadline() -> UInt64? { fabric.nextTime }
}
