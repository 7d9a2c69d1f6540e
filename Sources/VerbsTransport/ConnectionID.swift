#if Verbs
internal import CRDMA
internal import CRDMAShims
internal import Glibc
internal import RDMATransport

/// A connection identifier of librdmacm (`rdma_cm_id`): the end of a connection, or a listener.
// Only the thread of one device uses it; its owner destroys it once.
@safe
struct ConnectionID: @unchecked Sendable {
  private let raw: UnsafeMutablePointer<rdma_cm_id>

  init(raw: UnsafeMutablePointer<rdma_cm_id>) {
    // SAFETY: an id that librdmacm has just made; it lives until `destroy`.
    unsafe self.raw = raw
  }

  /// - Parameter key: what its events say whom they are for.
  static func create(on channel: EventChannel, key: UInt) throws(CallFailure) -> ConnectionID {
    var id: UnsafeMutablePointer<rdma_cm_id>?
    // SAFETY: the channel outlives its ids; the context is a number that is never followed.
    try unsafe CallFailure.checkMinusOne(
      "rdma_create_id",
      rdma_create_id(
        channel.pointer, &id, UnsafeMutableRawPointer(bitPattern: key), RDMA_PS_TCP))
    return try unsafe ConnectionID(raw: CallFailure.checkPointer("rdma_create_id", id))
  }

  func destroy() {
    // SAFETY: its owner forgets it here; all its events have been acknowledged.
    unsafe rdma_destroy_id(raw)
  }

  // SAFETY (here and below): the id is alive until `destroy`.

  var key: UInt {
    get { unsafe UInt(bitPattern: raw.pointee.context) }
    nonmutating set { unsafe raw.pointee.context = UnsafeMutableRawPointer(bitPattern: newValue) }
  }

  /// The device's context; nil while the id is not bound to one.
  var context: UnsafeMutablePointer<ibv_context>? { unsafe raw.pointee.verbs }

  var port: UInt8 { unsafe raw.pointee.port_num }

  var peer: SocketAddress {
    unsafe SocketAddress(ipv4: crdma_peer_ipv4(raw), port: crdma_peer_port(raw))
  }

  // MARK: - Set-up

  private static func socketAddress(_ address: SocketAddress) -> sockaddr_in {
    var result = sockaddr_in()
    result.sin_family = sa_family_t(AF_INET)
    result.sin_port = address.port.bigEndian
    result.sin_addr.s_addr = address.ipv4.bigEndian
    return result
  }

  /// Lets several ids be bound to one port, as one source port serves many connections.
  func reuseAddress() throws(CallFailure) {
    var on: Int32 = 1
    try unsafe CallFailure.checkMinusOne(
      "rdma_set_option",
      rdma_set_option(
        raw, Int32(RDMA_OPTION_ID), Int32(RDMA_OPTION_ID_REUSEADDR), &on, MemoryLayout<Int32>.size))
  }

  func bind(to address: SocketAddress) throws(CallFailure) {
    var address = Self.socketAddress(address)
    let result = unsafe withUnsafeMutableBytes(of: &address) { bytes in
      unsafe rdma_bind_addr(raw, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self))
    }
    try CallFailure.checkMinusOne("rdma_bind_addr", result)
  }

  func resolve(from source: SocketAddress?, to destination: SocketAddress, milliseconds: Int32)
    throws(CallFailure)
  {
    var destination = Self.socketAddress(destination)
    var from = Self.socketAddress(source ?? SocketAddress(ipv4: 0, port: 0))
    let result = unsafe withUnsafeMutableBytes(of: &destination) { to in
      unsafe withUnsafeMutableBytes(of: &from) { from in
        unsafe rdma_resolve_addr(
          raw, source == nil ? nil : from.baseAddress?.assumingMemoryBound(to: sockaddr.self),
          to.baseAddress?.assumingMemoryBound(to: sockaddr.self), milliseconds)
      }
    }
    try CallFailure.checkMinusOne("rdma_resolve_addr", result)
  }

  func setTypeOfService(_ value: UInt8) throws(CallFailure) {
    var value = value
    try unsafe CallFailure.checkMinusOne(
      "rdma_set_option",
      rdma_set_option(raw, Int32(RDMA_OPTION_ID), Int32(RDMA_OPTION_ID_TOS), &value, 1))
  }

  func resolveRoute(milliseconds: Int32) throws(CallFailure) {
    try unsafe CallFailure.checkMinusOne(
      "rdma_resolve_route", rdma_resolve_route(raw, milliseconds))
  }

  func listen(backlog: Int32) throws(CallFailure) {
    try unsafe CallFailure.checkMinusOne("rdma_listen", rdma_listen(raw, backlog))
  }

  // MARK: - The exchange

  /// What a connect and an accept say of the queue pair.
  struct Exchange {
    var queuePairNumber: UInt32
    var responderResources: UInt8
    var initiatorDepth: UInt8
  }

  private func withParameters(
    _ parameters: ConnectionParameters, _ exchange: Exchange,
    _ body: (UnsafeMutablePointer<rdma_conn_param>) -> Int32
  ) -> Int32 {
    let privateData = parameters.privateData
    return unsafe privateData.bytes.withUnsafeBytes { bytes in
      var raw = unsafe rdma_conn_param()
      unsafe raw.private_data = bytes.baseAddress
      unsafe raw.private_data_len = UInt8(bytes.count)
      unsafe raw.responder_resources = exchange.responderResources
      unsafe raw.initiator_depth = exchange.initiatorDepth
      unsafe raw.flow_control = 1
      unsafe raw.retry_count = min(parameters.retryCount, 7)
      unsafe raw.rnr_retry_count = min(parameters.receiverNotReadyRetryCount, 7)
      unsafe raw.qp_num = exchange.queuePairNumber
      return unsafe body(&raw)
    }
  }

  func connect(_ parameters: ConnectionParameters, _ exchange: Exchange) throws(CallFailure) {
    let result = unsafe withParameters(parameters, exchange) { unsafe rdma_connect(raw, $0) }
    try CallFailure.checkMinusOne("rdma_connect", result)
  }

  func accept(_ parameters: ConnectionParameters, _ exchange: Exchange) throws(CallFailure) {
    let result = unsafe withParameters(parameters, exchange) { unsafe rdma_accept(raw, $0) }
    try CallFailure.checkMinusOne("rdma_accept", result)
  }

  /// Ends the exchange on the active side, for a queue pair that librdmacm did not make.
  func establish() throws(CallFailure) {
    try unsafe CallFailure.checkMinusOne("rdma_establish", rdma_establish(raw))
  }

  /// Refuses a connect request; at most 148 bytes, the rest is left out.
  func reject(_ privateData: PrivateData) throws(CallFailure) {
    let count = min(privateData.count, PrivateData.rejectByteCountMax)
    let result = unsafe privateData.bytes.withUnsafeBytes { bytes in
      unsafe rdma_reject(raw, bytes.baseAddress, UInt8(count))
    }
    try CallFailure.checkMinusOne("rdma_reject", result)
  }

  /// The first message came before the end of the exchange: the connection stands.
  func notifyEstablished() throws(CallFailure) {
    try unsafe CallFailure.checkMinusOne("rdma_notify", rdma_notify(raw, IBV_EVENT_COMM_EST))
  }

  /// Asks the peer to end the connection, or answers that it was asked to.
  func disconnect() throws(CallFailure) {
    try unsafe CallFailure.checkMinusOne("rdma_disconnect", rdma_disconnect(raw))
  }

  /// What the connection manager knows of a queue pair in the given state, and which fields of it.
  func attributes(for state: ibv_qp_state) throws(CallFailure) -> (ibv_qp_attr, Int32) {
    var attributes = ibv_qp_attr()
    attributes.qp_state = state
    var mask: Int32 = 0
    try unsafe CallFailure.checkMinusOne(
      "rdma_init_qp_attr", rdma_init_qp_attr(raw, &attributes, &mask))
    return (attributes, mask)
  }
}
#endif
