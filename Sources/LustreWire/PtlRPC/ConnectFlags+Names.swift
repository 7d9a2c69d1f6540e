extension ConnectFlags {
  /// The name that the real tools print for bit `bit` (0..<64) of the first word, or nil.
  package static func name(ofBit bit: Int) -> StaticString? {
    switch bit {
    case 0: "read_only"
    case 1: "lov_index"
    case 2: "connect_from_mds"
    case 3: "write_grant"
    case 4: "server_lock"
    case 5: "version"
    case 6: "mgs_nidlist"
    case 7: "acl"
    case 8: "xattr"
    case 9: "create_on_write"
    case 10: "truncate_lock"
    case 11: "initial_transno"
    case 12: "inode_bit_locks"
    case 13: "barrier"
    case 14: "getattr_by_fid"
    case 15: "no_oh_for_devices"
    case 16: "remote_client"
    case 17: "remote_client_by_force"
    case 18: "max_byte_per_rpc"
    case 19: "64bit_qdata"
    case 20: "mds_capability"
    case 21: "oss_capability"
    case 22: "early_lock_cancel"
    case 23: "som"
    case 24: "adaptive_timeouts"
    case 25: "lru_resize"
    case 26: "mds_mds_connection"
    case 27: "real_conn"
    case 28: "change_qunit_size"
    case 29: "alt_checksum_algorithm"
    case 30: "fid_is_enabled"
    case 31: "version_recovery"
    case 32: "pools"
    case 33: "grant_shrink"
    case 34: "skip_orphan"
    case 35: "large_ea"
    case 36: "full20"
    case 37: "layout_lock"
    case 38: "64bithash"
    case 39: "object_max_bytes"
    case 40: "imp_recov"
    case 41: "jobstats"
    case 42: "umask"
    case 43: "einprogress"
    case 44: "grant_param"
    case 45: "flock_owner"
    case 46: "lvb_type"
    case 47: "nanoseconds_times"
    case 48: "lightweight_conn"
    case 49: "short_io"
    case 50: "pingless"
    case 51: "flock_deadlock"
    case 52: "disp_stripe"
    case 53: "open_by_fid"
    case 54: "lfsck"
    case 56: "unlink_close"
    case 57: "multi_mod_rpcs"
    case 58: "dir_stripe"
    case 59: "subtree"
    case 60: "lockahead"
    case 61: "bulk_mbits"
    case 62: "compact_obdo"
    case 63: "second_flags"
    default: nil
    }
  }

  /// The names of all set bits as the real tools print them, those of the second word last; the second word
  /// counts only with ``secondFlags``. A bit without a name prints as `unknown_0x`… with its value.
  public func names(with second: ConnectFlags2 = []) -> [String] {
    let own = Self.describe(rawValue, Self.name(ofBit:))
    guard contains(.secondFlags) else { return own }
    return own + Self.describe(second.rawValue, ConnectFlags2.name(ofBit:))
  }

  private static func describe(_ word: UInt64, _ name: (Int) -> StaticString?) -> [String] {
    (0..<64).filter { word >> UInt64($0) & 1 == 1 }.map { bit in
      let value: UInt64 = 1 << UInt64(bit)
      return name(bit).map { "\($0)" } ?? "unknown_0x" + String(value, radix: 16)
    }
  }
}

extension ConnectFlags2 {
  /// The name that the real tools print for bit `bit` (0..<64) of the second word, or nil.
  package static func name(ofBit bit: Int) -> StaticString? {
    switch bit {
    case 0: "file_secctx"
    case 1: "lockaheadv2"
    case 2: "dir_migrate"
    case 3: "sum_statfs"
    case 4: "overstriping"
    case 5: "flr"
    case 6: "wbc"
    case 7: "lock_convert"
    case 8: "archive_id_array"
    case 9: "increasing_xid"
    case 10: "selinux_policy"
    case 11: "lsom"
    case 12: "pcc"
    case 13: "crush"
    case 14: "async_discard"
    case 15: "client_encryption"
    case 16: "fidmap"
    case 17: "getattr_pfid"
    case 18: "lseek"
    case 19: "dom_lvb"
    case 20: "reply_mbits"
    case 21: "mode_convert"
    case 22: "batch_rpc"
    case 23: "pcc_ro"
    case 24: "mne_nid_type"
    case 25: "lock_contend"
    case 26: "atomic_open_lock"
    case 27: "name_encryption"
    case 29: "dmv_imp_inherit"
    case 30: "encryption_fid2path"
    case 31: "replay_create"
    case 32: "large_nid"
    case 33: "compressed_file"
    case 34: "unaligned_dio"
    case 35: "conn_policy"
    case 36: "sparse"
    case 37: "mirror_id_fix"
    case 38: "update_layout"
    case 39: "readdir_open"
    case 40: "flr_ec"
    case 41: "flr_immed_mirror"
    case 42: "no_append"
    default: nil
    }
  }
}
