internal import LustreWire

/// RPCs as fields, named as Wireshark names them where it does, and as words.
extension FieldList {
  /// Adds what a PUT carried and says whether it was an RPC. Data, and what has no RPC's magic, adds nothing.
  mutating func add(payload bytes: borrowing RawSpan, of put: LNetPut) -> Bool {
    guard bytes.byteCount >= RPCHeader.byteCount else { return false }
    let magic = bytes.native(UInt32.self, at: 8)
    guard magic == RPCHeader.magic || magic.byteSwapped == RPCHeader.magic else {
      if put.portal == .mgsBulk { addTable(bytes) }
      return false
    }
    do throws(WireError) {
      let message = try RPCMessage(decoding: bytes)
      add(message, in: bytes)
      let body = try RPCBody(message, in: bytes)
      add(body)
      if message.swapped { say("(other byte order)") }
      for index in 1..<max(1, message.bufferCount) {
        let range = message.range(of: index, in: bytes) ?? 0..<0
        // Refusals leave buffers without content, and optional ones are often so.
        if range.isEmpty { continue }
        try add(
          RPCFormat.kind(ofBuffer: index, in: body), bytes.extracting(range), of: body,
          swapped: message.swapped)
      }
      return true
    } catch {
      say("corrupt RPC: \(error)")
      return false
    }
  }

  private mutating func add(_ message: RPCMessage, in bytes: borrowing RawSpan) {
    let header = message.header
    add("lustre.lustre_msg_v2.lm_bufcount", message.bufferCount)
    addHex("lustre.lustre_msg_v2.lm_secflvr", header.flavor.rawValue)
    addHex("lustre.lustre_msg_v2.lm_magic", RPCHeader.magic)
    add("lustre.lustre_msg_v2.lm_repsize", header.replyByteCount)
    add("lustre.lustre_msg_v2.lm_cksum", header.checksum)
    addHex("lustre.lustre_msg_v2.lm_flags", header.flags.rawValue)
    for index in 0..<message.bufferCount {
      add("lustre.lustre_msg_v2.lm_buflens", message.length(of: index, in: bytes))
    }
  }

  private mutating func add(_ body: RPCBody) {
    addHandle(body.handle)
    add("lustre.ptlrpc_body.pb_type", body.type.rawValue)
    addHex("lustre.ptlrpc_body.pb_version", body.service.rawValue | UInt32(RPCBody.messageVersion))
    add("lustre.ptlrpc_body.pb_opc", body.opcode.rawValue)
    add("lustre.ptlrpc_body.pb_status", body.status)
    add("lustre.ptlrpc_body.pb_last_xid", body.lastXID)
    add("pb_tag", body.tag)
    add("lustre.ptlrpc_body.pb_last_committed", body.lastCommitted)
    add("lustre.ptlrpc_body.pb_transno", body.transno)
    addHex("lustre.ptlrpc_body.pb_flags", body.flags.rawValue)
    addHex("lustre.ptlrpc_body.pb_op_flags", body.connectFlags.rawValue)
    add("lustre.ptlrpc_body.pb_conn_cnt", body.connectionCount)
    add("lustre.ptlrpc_body.pb_timeout", body.timeout)
    add("lustre.ptlrpc_body.pb_service_time", body.serviceTime)
    add("lustre.ptlrpc_body.pb_limit", body.lockLimit)
    add("lustre.ptlrpc_body.pb_slv", body.lockVolume)
    let versions = body.preVersions
    for version in [versions.first, versions.second, versions.third, versions.fourth] {
      add("lustre.ptlrpc_body.pb_pre_version", version)
    }
    addHex("pb_mbits", body.matchBits)
    add("pb_uid", body.uid)
    add("pb_gid", body.gid)
    if !body.jobID.isEmpty { add("pb_jobid", text: body.jobID.description) }
    say("\(body.opcode) \(body.type.name)")
    say(body)
  }

  private mutating func say(_ body: RPCBody) {
    if body.type == .request {
      say("conn \(body.connectionCount)")
      if body.tag != 0 { say("tag \(body.tag)") }
    } else {
      say("status \(WireErrno.describe(status: body.status))")
      if body.opcode.isConnect, !body.handle.isNone { say("handle \(body.handle)") }
    }
    // That users' ids are there says nothing.
    let flags = body.flags.subtracting([.hasUserIDs, .hasProjectID])
    if !flags.isEmpty { say(names(flags.rawValue, RPCFlags.names.map { ($0.rawValue, $1) })) }
    if !body.connectFlags.isEmpty {
      let known = ConnectOperationFlags.names.map { ($0.rawValue, $1) }
      say(names(body.connectFlags.rawValue, known))
    }
    if body.transno != 0 { say("transno \(body.transno)") }
  }

  private mutating func addHandle(_ handle: Cookie) {
    addHex("lustre.lustre_handle.cookie", handle.rawValue)
  }

  /// The names of the set bits and what is left of them, in brackets.
  func names<Word: FixedWidthInteger & UnsignedInteger>(
    _ word: Word, _ known: [(Word, StaticString)]
  ) -> String {
    var rest = word
    var names: [String] = []
    for (bit, name) in known where word & bit == bit {
      names.append("\(name)")
      rest &= ~bit
    }
    if rest != 0 { names.append(hexText(rest)) }
    return "[" + names.joined(separator: " ") + "]"
  }
}
