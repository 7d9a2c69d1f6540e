#if Verbs
internal import CRDMA
internal import CRDMAShims
internal import Glibc
internal import RDMATransport

extension VerbsDevice {
  /// Every RDMA device of this machine; one that cannot be opened says so in `problem`.
  static func all() -> [VerbsDevice] {
    var count: Int32 = 0
    // SAFETY: the list and its devices live until it is freed below; `query` keeps nothing of it.
    guard let list = unsafe crdma_get_device_list(&count) else { return [] }
    defer { unsafe ibv_free_device_list(list) }
    var devices: [VerbsDevice] = []
    for index in 0..<Int(count) {
      guard let device = unsafe list[index] else { continue }
      unsafe devices.append(query(device))
    }
    return devices
  }

  private static func query(_ device: UnsafeMutablePointer<ibv_device>) -> VerbsDevice {
    // SAFETY: the name lies in the device, which the list holds.
    let name = unsafe ibv_get_device_name(device).map { unsafe String(cString: $0) } ?? "?"
    var result = VerbsDevice(name: name)
    let directory = "/sys/class/infiniband/\(name)"
    result.firmware = SystemFiles.firstLine("\(directory)/fw_ver") ?? ""
    if let node = SystemFiles.firstLine("\(directory)/device/numa_node").flatMap({ Int($0) }),
      node >= 0
    {
      result.numaNode = node
    }
    do throws(CallFailure) {
      // SAFETY: opened and closed here.
      let context = try unsafe CallFailure.checkPointer("ibv_open_device", ibv_open_device(device))
      defer { unsafe _ = ibv_close_device(context) }
      try unsafe result.fill(context)
    } catch {
      result.problem =
        Explanation.open(
          error, deviceCount: 1, forbiddenFile: SystemFiles.forbiddenDeviceFile
        ).description
    }
    return result
  }

  /// Asks an open device for everything.
  mutating func fill(_ context: UnsafeMutablePointer<ibv_context>) throws(CallFailure) {
    var attributes = ibv_device_attr()
    // SAFETY: the caller's context is open; `attributes` is ours.
    try unsafe CallFailure.checkValue(
      "ibv_query_device", ibv_query_device(context, &attributes))
    queuePairCountMax = Int(attributes.max_qp)
    workRequestCountMax = Int(attributes.max_qp_wr)
    segmentCountMax = Int(attributes.max_sge)
    completionQueueEntriesMax = Int(attributes.max_cqe)
    memoryRegionCountMax = Int(attributes.max_mr)
    readsPerQueuePairMax = Int(attributes.max_qp_rd_atom)
    for number in 1...max(1, Int(attributes.phys_port_cnt)) {
      try unsafe ports.append(Self.port(number, of: context))
    }
    inlineByteCountMax = unsafe Self.probeInline(context)
  }

  private static func port(_ number: Int, of context: UnsafeMutablePointer<ibv_context>)
    throws(CallFailure) -> Port
  {
    var attributes = ibv_port_attr()
    // SAFETY: the caller's context is open; `attributes` is ours.
    try unsafe CallFailure.checkValue(
      "ibv_query_port", crdma_query_port(context, UInt8(number), &attributes))
    return unsafe Port(
      number: number, state: state(attributes.state),
      linkLayer: attributes.link_layer == UInt8(IBV_LINK_LAYER_ETHERNET)
        ? "Ethernet" : "InfiniBand",
      activeMTU: 128 << Int(attributes.active_mtu.rawValue),
      maxMTU: 128 << Int(attributes.max_mtu.rawValue),
      gids: gids(of: context, port: number, count: Int(attributes.gid_tbl_len)))
  }

  private static func state(_ raw: ibv_port_state) -> String {
    switch raw {
    case IBV_PORT_DOWN: "DOWN"
    case IBV_PORT_INIT: "INIT"
    case IBV_PORT_ARMED: "ARMED"
    case IBV_PORT_ACTIVE: "ACTIVE"
    case IBV_PORT_ACTIVE_DEFER: "ACTIVE_DEFER"
    default: "unknown"
    }
  }

  private static func gids(
    of context: UnsafeMutablePointer<ibv_context>, port: Int, count: Int
  ) -> [GID] {
    var result: [GID] = []
    for index in 0..<count {
      var entry = ibv_gid_entry()
      // SAFETY: the caller's context is open; `entry` is ours. An empty entry is ENODATA.
      guard unsafe ibv_query_gid_ex(context, UInt32(port), UInt32(index), &entry, 0) == 0 else {
        continue
      }
      let type: GIDType =
        switch entry.gid_type {
        case UInt32(IBV_GID_TYPE_IB.rawValue): .infiniBand
        case UInt32(IBV_GID_TYPE_ROCE_V1.rawValue): .roceV1
        case UInt32(IBV_GID_TYPE_ROCE_V2.rawValue): .roceV2
        default: .unknown
        }
      let bytes = unsafe withUnsafeBytes(of: &entry.gid) { unsafe Array($0.prefix(16)) }
      if bytes.allSatisfy({ $0 == 0 }) { continue }
      result.append(GID(index: index, type: type, bytes: bytes))
    }
    return result
  }

  /// The largest inline send that a queue pair can be made with: no attribute says it.
  private static func probeInline(_ context: UnsafeMutablePointer<ibv_context>) -> Int {
    // SAFETY: everything is made on the caller's open context and destroyed here in reverse order.
    guard let domain = unsafe ibv_alloc_pd(context) else { return 0 }
    defer { unsafe _ = ibv_dealloc_pd(domain) }
    guard let queue = unsafe ibv_create_cq(context, 4, nil, nil, 0) else { return 0 }
    defer { unsafe _ = ibv_destroy_cq(queue) }
    var wanted = UInt32(Limits.inlineByteCountMax)
    while wanted >= 32 {
      var initial = unsafe ibv_qp_init_attr()
      unsafe initial.send_cq = queue
      unsafe initial.recv_cq = queue
      unsafe initial.qp_type = IBV_QPT_RC
      unsafe initial.cap.max_send_wr = 1
      unsafe initial.cap.max_recv_wr = 1
      unsafe initial.cap.max_send_sge = 2
      unsafe initial.cap.max_recv_sge = 1
      unsafe initial.cap.max_inline_data = wanted
      if let pair = unsafe ibv_create_qp(domain, &initial) {
        unsafe ibv_destroy_qp(pair)
        return unsafe Int(min(initial.cap.max_inline_data, UInt32(Limits.inlineByteCountMax)))
      }
      wanted /= 2
    }
    return 0
  }
}
#endif
