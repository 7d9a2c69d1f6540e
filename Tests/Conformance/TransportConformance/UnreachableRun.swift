internal import CLinuxShims
package import RDMATransport

/// A connect whose every packet is lost, until the kernel's connection manager itself gives up: more than a
/// minute, which is why it is no case of the suite.
package enum UnreachableRun {
  /// - Parameter destination: an address that resolves, and behind which nobody is.
  package static func run<T: RDMATransport & SendableMetatype & ~Copyable>(
    _ backend: Backend<T>, destination: UInt32, say: (String) -> Void
  ) throws {
    var endpoint = try Endpoint(backend.make(.client), address: backend.address(.client))
    let owner: CMOwner = 1
    let plan = Pair<T>.Plan()
    let route = ConnectRoute(
      source: SocketAddress(ipv4: endpoint.address, port: 0),
      destination: SocketAddress(ipv4: destination, port: 7000))
    endpoint.execute(.prepare(owner: owner, route: route, attributes: plan.client))
    try wait(&endpoint, seconds: 20, for: "the queue pair") { $0.ready(owner) != nil }
    guard let ready = endpoint.ready(owner) else { return }
    try endpoint.postReceives(ready.pair, ids: 0..<2)
    // Our own deadline is later than what is looked for.
    var parameters = plan.parameters(plan.clientData)
    parameters.timeoutMilliseconds = 600_000
    endpoint.execute(.connect(owner: owner, parameters: parameters))
    try wait(&endpoint, seconds: 150, for: "the kernel's word") { $0.failure(owner) != nil }
    let failure = endpoint.failure(owner)
    try expectEqual(failure?.step, .connect, "the step")
    try expectEqual(failure?.errno, 110, "the errno")
    try expectEqual(failure?.rejectReason, 0, "the reason")
    endpoint.execute(.destroy(owner: owner))
    try wait(&endpoint, seconds: 20, for: "released") { $0.isReleased(owner) }
    try expectEqual(endpoint.completions.map(\.id), [0, 1], "the receives")
    say("unreachable")
  }
}

/// Drives one side until a condition holds.
func wait<T: RDMATransport & ~Copyable>(
  _ endpoint: inout Endpoint<T>, seconds: UInt64, for what: @autoclosure () -> String,
  until condition: (borrowing Endpoint<T>) -> Bool
) throws {
  let deadline = clinux_monotonic_nanoseconds() + seconds * 1_000_000_000
  while !condition(endpoint) {
    if endpoint.pump() { continue }
    if clinux_monotonic_nanoseconds() > deadline { throw Stop.failure("never came: \(what())") }
    if endpoint.transport?.arm() ?? false {
      _ = clinux_epoll_sleep(endpoint.transport?.wakeDescriptor ?? -1, Pair<T>.nap)
    }
  }
}
