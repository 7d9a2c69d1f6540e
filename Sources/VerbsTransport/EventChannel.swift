#if Verbs
internal import CRDMA
internal import CRDMAShims
internal import RDMATransport

/// One event of librdmacm, copied out and acknowledged.
struct ChannelEvent {
  /// The `context` of the id that it is for; of a connect request, that of the listener.
  var key: UInt
  /// Of a connect request: the new id.
  var request: ConnectionID?
  var type: rdma_cm_event_type
  var status: Int32
  var privateData: PrivateData
  /// RDMA READs that the other side wants to have in flight towards us, and allows us.
  var responderResources: UInt8
  var initiatorDepth: UInt8
}

/// A channel of connection manager events (`rdma_event_channel`), read without blocking.
// Only the thread of one device uses it.
@safe
struct EventChannel: @unchecked Sendable {
  private let raw: UnsafeMutablePointer<rdma_event_channel>

  static func create() throws(CallFailure) -> EventChannel {
    // SAFETY: the channel lives until `destroy`, which its only owner calls last.
    let raw = try unsafe CallFailure.checkPointer(
      "rdma_create_event_channel", rdma_create_event_channel())
    let channel = unsafe EventChannel(raw: raw)
    do throws(CallFailure) {
      try CallFailure.checkMinusOne("fcntl", crdma_set_nonblocking(channel.descriptor))
    } catch {
      channel.destroy()
      throw error
    }
    return channel
  }

  private init(raw: UnsafeMutablePointer<rdma_event_channel>) {
    // SAFETY: a live channel, by `create`.
    unsafe self.raw = raw
  }

  // SAFETY: the channel is alive until `destroy`.
  var descriptor: Int32 { unsafe raw.pointee.fd }

  /// For `ConnectionID.create`.
  // SAFETY: as `descriptor`.
  var pointer: UnsafeMutablePointer<rdma_event_channel> { unsafe raw }

  func destroy() {
    // SAFETY: its owner destroys it once, after all its ids.
    unsafe rdma_destroy_event_channel(raw)
  }

  /// The next event, or nil when none waits.
  func next() -> ChannelEvent? {
    var event: UnsafeMutablePointer<rdma_cm_event>?
    // SAFETY: `event` is written by the call, read before the acknowledgement and forgotten then.
    guard unsafe rdma_get_cm_event(raw, &event) == 0, let event = unsafe event else { return nil }
    let copy = unsafe Self.copy(event)
    // SAFETY: acknowledged exactly once. Destroying an id waits for this.
    unsafe rdma_ack_cm_event(event)
    return copy
  }

  private static func copy(_ event: UnsafeMutablePointer<rdma_cm_event>) -> ChannelEvent {
    // SAFETY: librdmacm keeps the event, its ids and its private data until the acknowledgement; the
    // parameters of an RC connection are in `param.conn`.
    let type = unsafe event.pointee.event
    let isRequest = type == RDMA_CM_EVENT_CONNECT_REQUEST
    let named = unsafe isRequest ? event.pointee.listen_id : event.pointee.id
    let key = unsafe UInt(bitPattern: named?.pointee.context)
    let parameters = unsafe event.pointee.param.conn
    var privateData = PrivateData()
    if let data = unsafe parameters.private_data, unsafe parameters.private_data_len > 0 {
      let bytes = unsafe RawSpan(
        _unsafeStart: data, byteCount: Int(parameters.private_data_len))
      privateData = PrivateData(bytes)
    }
    return unsafe ChannelEvent(
      key: key, request: isRequest ? event.pointee.id.map { unsafe ConnectionID(raw: $0) } : nil,
      type: type, status: event.pointee.status, privateData: privateData,
      responderResources: parameters.responder_resources,
      initiatorDepth: parameters.initiator_depth)
  }
}
#endif
