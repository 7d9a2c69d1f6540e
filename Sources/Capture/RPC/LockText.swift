internal import LustreWire

/// Locks as fields and words.
extension FieldList {
  mutating func addLockRequest(
    _ buffer: borrowing RawSpan, of body: RPCBody, swapped: Bool
  ) throws(WireError) {
    let request = try LockRequest(decoding: buffer, swapped: swapped)
    addHex("lustre.ldlm_request.lock_flags", request.flags.rawValue)
    add("lustre.ldlm_request.lock_count", request.count)
    add(request.descriptor)
    let count = LockRequest.handles(inBufferOf: buffer.byteCount)
    for index in 0..<count {
      addHex("lustre.lustre_handle.cookie", LockRequest.handle(index, in: buffer).rawValue)
    }
    if body.opcode == .ldlmCancel {
      // A cancel that says more than there are is cut off.
      for index in 0..<min(count, Int(request.count)) {
        say("lock \(LockRequest.handle(index, in: buffer))")
      }
    } else {
      say(request.descriptor)
      say("lock \(LockRequest.handle(0, in: buffer))")
    }
    say(request.flags)
  }

  mutating func add(_ reply: LockReply) {
    addHex("lustre.ldlm_reply.lock_flags", reply.flags.rawValue)
    add(reply.descriptor)
    addHex("lustre.lustre_handle.cookie", reply.handle.rawValue)
    add("lustre.ldlm_reply.lock_policy_res1", reply.policyResult1)
    add("lustre.ldlm_reply.lock_policy_res2", reply.policyResult2)
    guard !reply.handle.isNone else { return }
    say(reply.descriptor)
    say("lock \(reply.handle)")
    say(reply.flags)
  }

  private mutating func add(_ lock: LockDescriptor) {
    add("lustre.ldlm_resource_desc.lr_type", lock.type.rawValue)
    let resource = lock.resource
    for number in [resource.first, resource.second, resource.third, resource.fourth] {
      addHex("lr_name", number)
    }
    add("lustre.ldlm_lock_desc.l_req_mode", lock.requestedMode.rawValue)
    add("lustre.ldlm_lock_desc.l_granted_mode", lock.grantedMode.rawValue)
    for number in [lock.policy.first, lock.policy.second, lock.policy.third] {
      addHex("l_policy_data", number)
    }
  }

  private mutating func say(_ lock: LockDescriptor) {
    let isGranted = lock.grantedMode != .none
    let mode = isGranted ? lock.grantedMode : lock.requestedMode
    let type = lock.type.name.map { "\($0)" } ?? "type \(lock.type.rawValue)"
    say("\(type) \(mode.name.map { "\($0)" } ?? "mode \(mode.rawValue)")")
    if lock.type == .plain, let name = lock.resource.configurationName, !name.isEmpty {
      say("\(name):\(lock.resource.second)")
    } else {
      say("\(lock.resource)")
    }
    switch lock.type {
    case .extent: say("\(hexText(lock.policy.first))...\(hexText(lock.policy.second))")
    case .inodeBits: say("bits \(hexText(lock.policy.first))")
    default: break
    }
  }

  private mutating func say(_ flags: LockFlags) {
    guard !flags.isEmpty else { return }
    say(names(flags.rawValue, LockFlags.names.map { ($0.rawValue, $1) }))
  }
}
