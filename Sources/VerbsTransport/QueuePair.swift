#if Verbs
internal import CRDMA
internal import RDMATransport

/// A queue pair of our own (`ibv_qp`), which can be reset and used again.
// Made, moved between states and destroyed by the thread of one device only. A loop posts on it between the
// link's `ready` and its answer `drained`, and verbs allows posting beside a change of state.
@safe
struct QueuePair: @unchecked Sendable {
  private let raw: UnsafeMutablePointer<ibv_qp>
  let number: UInt32
  /// As asked for, cut to what the device has: what decides whether it can serve another connection.
  let attributes: QueuePairAttributes
  /// Which of the transport's completion queues it uses.
  let completionQueue: Int

  /// Entries of its completion queue: all that it can have in flight, and the marker of a drain.
  static func completionCount(_ attributes: QueuePairAttributes) -> Int {
    Int(attributes.sendCapacity) + 1 + Int(attributes.receiveCapacity)
  }

  static func create(
    domain: UnsafeMutablePointer<ibv_pd>, queue: UnsafeMutablePointer<ibv_cq>, queueIndex: Int,
    attributes: QueuePairAttributes
  ) throws(CallFailure) -> QueuePair {
    var initial = unsafe ibv_qp_init_attr()
    // SAFETY: domain and completion queue outlive the queue pair, by the order of the teardown.
    unsafe initial.send_cq = queue
    unsafe initial.recv_cq = queue
    unsafe initial.qp_type = IBV_QPT_RC
    unsafe initial.sq_sig_all = 0
    // One more for the marker by which a drain knows that all before it is done.
    unsafe initial.cap.max_send_wr = attributes.sendCapacity + 1
    unsafe initial.cap.max_recv_wr = max(attributes.receiveCapacity, 1)
    unsafe initial.cap.max_send_sge = UInt32(max(attributes.sendSegments, 1))
    unsafe initial.cap.max_recv_sge = 1
    unsafe initial.cap.max_inline_data = UInt32(attributes.inlineByteCount)
    let raw = try unsafe CallFailure.checkPointer("ibv_create_qp", ibv_create_qp(domain, &initial))
    return unsafe QueuePair(raw: raw, attributes: attributes, completionQueue: queueIndex)
  }

  private init(
    raw: UnsafeMutablePointer<ibv_qp>, attributes: QueuePairAttributes, completionQueue: Int
  ) {
    // SAFETY: a live queue pair, by `create`.
    unsafe self.raw = raw
    number = unsafe raw.pointee.qp_num
    self.attributes = attributes
    self.completionQueue = completionQueue
  }

  /// For the loop that posts on it.
  // SAFETY: only turned into a number here; the loop forgets it before `destroy`.
  var address: UInt { unsafe UInt(bitPattern: raw) }

  func destroy() throws(CallFailure) {
    // SAFETY: its owner forgets it here; the loop has forgotten it before.
    try unsafe CallFailure.checkValue("ibv_destroy_qp", ibv_destroy_qp(raw))
  }

  private func modify(_ attributes: ibv_qp_attr, _ mask: Int32) throws(CallFailure) {
    var attributes = attributes
    // SAFETY: the queue pair is alive until `destroy`.
    try unsafe CallFailure.checkValue("ibv_modify_qp", ibv_modify_qp(raw, &attributes, mask))
  }

  private func move(to state: ibv_qp_state) throws(CallFailure) {
    var attributes = ibv_qp_attr()
    attributes.qp_state = state
    try modify(attributes, Int32(IBV_QP_STATE.rawValue))
  }

  func reset() throws(CallFailure) { try move(to: IBV_QPS_RESET) }

  /// Flushes all that is posted, and all that will be.
  func fail() throws(CallFailure) { try move(to: IBV_QPS_ERR) }

  /// RESET → INIT: takes receives from now on.
  func initialize(with id: ConnectionID) throws(CallFailure) {
    var (values, mask) = try id.attributes(for: IBV_QPS_INIT)
    // Before the exchange the kernel does not know the rights yet and says none; o2iblnd needs remote
    // writing whatever the responder resources are.
    var access = IBV_ACCESS_REMOTE_WRITE.rawValue
    if attributes.responderResources > 0 { access |= IBV_ACCESS_REMOTE_READ.rawValue }
    values.qp_access_flags |= access
    mask |= Int32(IBV_QP_ACCESS_FLAGS.rawValue)
    try modify(values, mask)
  }

  /// INIT → RTR → RTS, with what the two sides have agreed on.
  ///
  /// - Returns: the RDMA READs that we may have in flight.
  func start(with id: ConnectionID, responderResources: UInt8, initiatorDepth: UInt8)
    throws(CallFailure) -> UInt8
  {
    var (receive, receiveMask) = try id.attributes(for: IBV_QPS_RTR)
    receive.max_dest_rd_atomic = min(receive.max_dest_rd_atomic, responderResources)
    try modify(receive, receiveMask)
    var (send, sendMask) = try id.attributes(for: IBV_QPS_RTS)
    send.max_rd_atomic = min(send.max_rd_atomic, initiatorDepth)
    try modify(send, sendMask)
    return send.max_rd_atomic
  }
}
#endif
