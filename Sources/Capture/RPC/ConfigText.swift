internal import LustreWire

/// Logs, registrations and tables of the management server as fields and words.
extension FieldList {
  mutating func add(_ body: LogBody) {
    add("lgl_oi", text: "\(body.log.object):\(body.log.sequence):\(body.log.generation)")
    add("lustre.llogd_body.lgd_ctxt_idx", body.context)
    add("lustre.llogd_body.lgd_llh_flags", body.flags)
    add("lustre.llogd_body.lgd_index", body.index)
    add("lustre.llogd_body.lgd_saved_index", body.savedIndex)
    add("lustre.llogd_body.lgd_len", body.byteCountWanted)
    add("lustre.llogd_body.lgd_cur_offset", body.offset)
    guard body.log != LogID() else { return }
    say("log \(body.log.object):\(body.log.sequence):\(body.log.generation)")
    if body.index != 0 { say("index \(body.index) saved \(body.savedIndex)") }
  }

  mutating func addLogHeader(_ buffer: borrowing RawSpan) throws(WireError) {
    var swapped = false
    let header = try LogHeader(decoding: buffer, swapped: &swapped)
    add("lustre.llog_log_hdr.llh_timestamp", header.timestamp)
    add("lustre.llog_log_hdr.llh_count", header.count)
    add("lustre.llog_log_hdr.llh_flags", header.flags)
    add("llh_tgtuuid", text: header.target.description)
    add("llh_last_index", header.lastIndex)
    say("records \(header.count) last \(header.lastIndex)")
  }

  /// One field per record; what does not look like one ends the list.
  mutating func addChunk(_ buffer: borrowing RawSpan, swapped: Bool) {
    var start = 0
    var records = 0
    while start < buffer.byteCount,
      let header = try? LogRecordHeader(
        record: buffer, at: start, before: buffer.byteCount, swapped: swapped)
    {
      records += 1
      let range = header.content(at: start)
      if header.type == .configuration,
        let record = try? ConfigRecord(decoding: buffer, in: range)
      {
        add("record \(header.index)", text: describe(record, in: buffer))
      } else {
        add("record \(header.index)", text: "type \(hexText(header.type.rawValue))")
      }
      start += Int(header.length)
    }
    say("records in chunk \(records)")
  }

  private func describe(_ record: ConfigRecord, in bytes: borrowing RawSpan) -> String {
    let command = record.command
    var words = [command.name.map { "\($0)" } ?? "command \(hexText(command.rawValue))"]
    if record.nid.rawValue != 0 { words.append("\(record.nid)") }
    if record.number != 0 { words.append("number \(record.number)") }
    for index in 0..<record.bufferCount {
      let range = record.range(of: index, in: bytes)
      if range.isEmpty { continue }
      if command == .marker, index == 1,
        let marker = try? ConfigMarker(
          decoding: bytes, at: range.lowerBound, swapped: record.swapped)
      {
        let flags = MarkerFlags.names.map { ($0.rawValue, $1) }
        words.append("\(marker.step) " + names(marker.flags.rawValue, flags))
        words.append("\(marker.target) '\(marker.comment)'")
      } else if command == .setup, index == 1, range.count == LayoutDescriptor.byteCount {
        words.append("(descriptor)")
      } else {
        words.append(record.text(index, in: bytes) ?? "(\(range.count) bytes)")
      }
    }
    return words.joined(separator: " ")
  }

  mutating func add(_ info: TargetInfo) {
    add("lustre.mgs_target_info.mti_lustre_ver", info.version.rawValue)
    add("lustre.mgs_target_info.mti_stripe_index", info.index)
    add("lustre.mgs_target_info.mti_config_ver", info.configurationVersion)
    addHex("lustre.mgs_target_info.mti_flags", info.flags.rawValue)
    add("lustre.mgs_target_info.mti_nid_count", info.nidCount)
    add("lustre.mgs_target_info.mti_instance", info.instance)
    add("lustre.mgs_target_info.mti_fsname", text: info.fileSystem.description)
    add("lustre.mgs_target_info.mti_svname", text: info.name.description)
    add("mti_uuid", text: info.uuid.description)
    add("lustre.mgs_target_info.mti_params", text: info.parameters.description)
    say("\(info.name)")
    say(names(info.flags.rawValue, TargetFlags.names.map { ($0.rawValue, $1) }))
  }

  mutating func add(_ request: ConfigReadRequest) {
    add("lustre.mgs_config_body.name", text: request.name.description)
    add("lustre.mgs_config_body.offset", request.offset)
    add("lustre.mgs_config_body.type", request.type)
    add("mcb_rec_nid_size", request.nidByteCount)
    add("lustre.mgs_config_body.bits", request.unitBits)
    add("mcb_units", request.units)
    say("\(request.name) from \(request.offset)")
  }

  /// The table of NIDs that the management server sends as bulk; anything else says nothing.
  mutating func addTable(_ bytes: borrowing RawSpan) {
    var offset = 0
    while offset < bytes.byteCount,
      let entry = try? NIDTableEntry(decoding: bytes, at: offset)
    {
      var nids: [String] = []
      for number in 0..<Int(entry.nidCount) {
        guard let nid = try? entry.nid(number, at: offset, in: bytes) else { return }
        nids.append(nid.small.map { "\($0)" } ?? "large NID")
      }
      let kind = entry.targetType == 1 ? "MDT" : "OST"
      let text =
        "version \(entry.version) \(kind) \(entry.index) instance \(entry.instance)"
        + " [\(nids.joined(separator: " "))]"
      add("nidtbl_entry", text: text)
      say(text)
      offset += max(Int(entry.byteCount), NIDTableEntry.headByteCount)
    }
  }
}
