internal import LustreWire

/// Buffers of RPCs as fields and words, by kind.
extension FieldList {
  /// Adds a buffer that is not empty.
  mutating func add(
    _ kind: RPCBufferKind, _ buffer: borrowing RawSpan, of body: RPCBody, swapped: Bool
  ) throws(WireError) {
    switch kind {
    case .body, .capability, .securityPolicy, .opaque, .data: break
    case .targetUUID, .clientUUID: addName(kind, text(buffer))
    case .cookie:
      let handle = try Cookie(decoding: buffer)
      addHex("lustre.lustre_handle.cookie", handle.rawValue)
      say("callbacks to \(handle)")
    case .connectData:
      // A shorter struct is legal; its reader is that of whole messages, so what is missing is added here.
      add(ConnectData(padding: buffer, swapped: swapped))
    case .lockRequest: try addLockRequest(buffer, of: body, swapped: swapped)
    case .lockReply: add(try LockReply(decoding: buffer, swapped: swapped))
    case .lockIntent:
      let intent = try LockIntent(decoding: buffer, swapped: swapped)
      addHex("lustre.ldlm_intent.opc", intent.rawValue)
      say("intent " + names(intent.rawValue, LockIntent.names.map { ($0.rawValue, $1) }))
    case .lockValue:
      let size: UInt64 = buffer.byteCount >= 8 ? buffer.field(at: 0, swapped) : 0
      add("lustre.ost_lvb.lvb_size", size)
      say("size \(size)")
    case .statfs: add(try Statfs(decoding: buffer, swapped: swapped))
    case .metadataBody: add(try MetadataBody(decoding: buffer, swapped: swapped))
    case .sequenceOperation:
      if buffer.byteCount >= 4 { say("operation \(buffer.field(at: 0, swapped) as UInt32)") }
    case .sequenceRange: add(try SequenceRange(decoding: buffer, swapped: swapped))
    case .objectAttributes: add(try ObjectAttributes(decoding: buffer, swapped: swapped))
    case .objectRequest:
      let object = try ObjectRequest(decoding: buffer, swapped: swapped)
      addHex("lustre.obd_ioobj.ioo_max_brw", object.maximumBulk)
      add("lustre.obd_ioobj.ioo_bufcnt", object.rangeCount)
    case .remoteRanges: try addRanges(buffer, swapped: swapped)
    case .results:
      for offset in stride(from: 0, to: buffer.byteCount & ~3, by: 4) {
        add("rc", buffer.field(at: offset, swapped) as Int32)
      }
    case .logBody: add(try LogBody(decoding: buffer, swapped: swapped))
    case .logHeader: try addLogHeader(buffer)
    case .logChunk: addChunk(buffer, swapped: swapped)
    case .targetInfo: add(try TargetInfo(decoding: buffer, swapped: swapped))
    case .targetNIDs:
      let head = try TargetNIDList.head(of: buffer, swapped: swapped)
      guard head.flags & TargetNIDList.inBulk == 0 else { break }
      for index in 0..<head.count {
        let nid = TargetNIDList.text(at: index, in: buffer).description
        add("mtn_nid", text: nid)
        say(nid)
      }
    case .configReadRequest: add(try ConfigReadRequest(decoding: buffer, swapped: swapped))
    case .configReadReply:
      let reply = try ConfigReadReply(decoding: buffer, swapped: swapped)
      add("lustre.mgs_config_res.offset", reply.offset)
      add("lustre.mgs_config_res.size", reply.size)
      say("offset \(reply.offset) of \(reply.size)")
    case .name, .key: addName(kind, text(buffer))
    }
  }

  private func text(_ buffer: borrowing RawSpan) -> String {
    var bytes: [UInt8] = []
    for index in 0..<buffer.byteCount {
      let byte = buffer.byte(at: index)
      if byte == 0 { break }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func addName(_ kind: RPCBufferKind, _ name: String) {
    switch kind {
    case .targetUUID: add("lustre.target_uuid", text: name)
    case .clientUUID: add("lustre.client_uuid", text: name)
    case .key: add("lustre.ost_key", text: name)
    default: add("name", text: name)
    }
    say(kind == .clientUUID ? "from \(name)" : name)
  }

  private mutating func add(_ data: ConnectData) {
    addHex("lustre.obd_connect_data.ocd_connect_flags", data.flags.rawValue)
    add("lustre.obd_connect_data.ocd_version", text: data.version.description)
    add("lustre.obd_connect_data.ocd_grant", data.grantByteCount)
    add("lustre.obd_connect_data.ocd_index", data.targetIndex)
    add("lustre.obd_connect_data.ocd_brw_size", data.bulkByteCount)
    addHex("lustre.obd_connect_data.ocd_ibits_known", data.inodeBits.rawValue)
    add("lustre.obd_connect_data.grant_blkbits", data.grantBlockBits)
    add("lustre.obd_connect_data.grant_inobits", data.grantInodeBits)
    add("lustre.obd_connect_data.grant_tax_kb", data.grantTaxKiB)
    add("lustre.obd_connect_data.grant_max_blks", data.grantMaximumBlocks)
    add("lustre.obd_connect_data.ocd_transno", data.transno)
    add("lustre.obd_connect_data.ocd_group", data.group)
    addHex("lustre.obd_connect_data.ocd_cksum_types", data.checksumTypes.rawValue)
    add("lustre.obd_connect_data.ocd_max_easize", data.maximumEAByteCount)
    add("lustre.obd_connect_data.ocd_instance", data.instance)
    add("lustre.obd_connect_data.ocd_maxbytes", data.maximumObjectByteCount)
    add("lustre.obd_connect_data.ocd_maxmodrpcs", data.maximumModifyingRequests)
    addHex("lustre.obd_connect_data.ocd_connect_flags2", data.flags2.rawValue)
    for name in data.flags.names(with: data.flags2) { add("connect_flag", text: name) }
    say("flags \(hexText(data.flags.rawValue)) \(hexText(data.flags2.rawValue))")
    if data.flags.contains(.version) { say("version \(data.version)") }
    if data.flags.contains(.grant) { say("grant \(data.grantByteCount)") }
    if data.flags.contains(.bulkSize) { say("brw \(data.bulkByteCount)") }
    if data.instance != 0 { say("instance \(data.instance)") }
  }

  private mutating func add(_ statfs: Statfs) {
    add("lustre.obd_statfs.os_blocks", statfs.blocks)
    add("lustre.obd_statfs.os_bfree", statfs.freeBlocks)
    add("lustre.obd_statfs.os_bavail", statfs.availableBlocks)
    add("lustre.obd_statfs.os_files", statfs.files)
    add("lustre.obd_statfs.os_ffree", statfs.freeFiles)
    add("lustre.obd_statfs.os_bsize", statfs.blockByteCount)
    add("lustre.obd_statfs.os_namelen", statfs.nameByteCount)
    addHex("lustre.obd_statfs.os_state", statfs.state.rawValue)
    say("blocks \(statfs.blocks) free \(statfs.freeBlocks) of \(statfs.blockByteCount) bytes")
  }

  private mutating func add(_ body: MetadataBody) {
    add("fid1", text: body.fid1.description)
    add("fid2", text: body.fid2.description)
    addHex("lustre.mdt_body.valid", body.valid.rawValue)
    add("lustre.mdt_body.size", body.size)
    add("lustre.mdt_body.blocks", body.blocks)
    add("lustre.mdt_body.mode", body.mode)
    add("lustre.mdt_body.uid", body.uid)
    add("lustre.mdt_body.gid", body.gid)
    add("lustre.mdt_body.nlink", body.links)
    add("lustre.mdt_body.eadatasize", body.layoutByteCount)
    if !body.fid1.isZero { say("\(body.fid1)") }
  }

  private mutating func add(_ range: SequenceRange) {
    addHex("lsr_start", range.start)
    addHex("lsr_end", range.end)
    add("lsr_index", range.index)
    addHex("lsr_flags", range.flags)
    say("range \(hexText(range.start))..<\(hexText(range.end)) index \(range.index)")
  }

  private mutating func add(_ attributes: ObjectAttributes) {
    addHex("lustre.obdo.o_valid", attributes.valid.rawValue)
    add("o_oi", text: attributes.object.description)
    add("lustre.obdo.o_size", attributes.size)
    add("lustre.obdo.o_blocks", attributes.blocks)
    add("lustre.obdo.o_grant", attributes.grant)
    addHex("lustre.obdo.o_flags", attributes.flags.rawValue)
    addHex("o_cksum", attributes.links)
    say("object \(attributes.object)")
    if attributes.valid.contains(.checksum), attributes.valid.contains(.flags) {
      say("\(attributes.flags.checksumKind) \(hexText(attributes.checksum))")
    }
  }

  private mutating func addRanges(
    _ buffer: borrowing RawSpan, swapped: Bool
  ) throws(WireError) {
    let count = buffer.byteCount / RemoteRange.byteCount
    var total: UInt64 = 0
    for index in 0..<count {
      let range = try RemoteRange(
        decoding: buffer, at: index * RemoteRange.byteCount, swapped: swapped)
      add("lustre.niobuf_remote.offset", range.offset)
      add("lustre.niobuf_remote.len", range.length)
      addHex("lustre.niobuf_remote.flags", range.flags.rawValue)
      if index == 0 { say("from \(range.offset)") }
      total += UInt64(range.length)
    }
    say("bytes \(total) in \(count) ranges")
  }
}

extension ConnectData {
  /// The struct that fills `buffer`; what a short one lacks is 0.
  fileprivate init(padding buffer: borrowing RawSpan, swapped: Bool) {
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    for index in 0..<min(buffer.byteCount, Self.byteCount) { bytes[index] = buffer.byte(at: index) }
    self.init(at: 0, in: bytes.rawBytes, swapped: swapped)
  }
}
