//! Words of real pg_restore runs.

use super::*;

#[test]
fn silence_is_success() {
    assert_eq!(classify(""), Outcome::default());
}

#[test]
fn harmless_words_are_known() {
    let outcome = classify(
        "pg_restore: while PROCESSING TOC:\n\
         pg_restore: from TOC entry 2; 3079 16385 EXTENSION citext (no owner)\n\
         pg_restore: error: could not execute query: ERROR:  extension \"citext\" already exists\n\
         Command was: CREATE EXTENSION citext WITH SCHEMA public;\n\n\n\
         pg_restore: from TOC entry 3463; 0 0 COMMENT - EXTENSION citext \n\
         pg_restore: error: could not execute query: ERROR:  must be owner of extension citext\n\
         Command was: COMMENT ON EXTENSION citext IS 'x';\n\n\
         pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter \"transaction_timeout\"\n\
         Command was: SET transaction_timeout = 0;\n\
         pg_restore: warning: errors ignored on restore: 3\n",
    );
    assert_eq!((outcome.harmless.len(), outcome.lost, outcome.counted), (3, Vec::<String>::new(), Some(3)));
}

/// The very words of a pg_restore 15, into a database in which something stood in the way of each of these.
#[test]
fn what_a_real_one_said_is_told_by_how_much_it_matters() {
    let outcome = classify(include_str!("pg_restore_15.txt"));
    assert_eq!((outcome.harmless.len(), outcome.counted), (0, Some(6)));
    let lost = [
        "error: could not execute query: ERROR:  relation \"taken\" already exists [CREATE TABLE public.taken (]",
        "error: COPY failed for table \"parent\": ERROR:  new row for relation \"parent\" violates check constraint \"here\"",
    ];
    let attention = [
        "error: could not execute query: ERROR:  not here 1 [CREATE INDEX by_idx ON public.child USING btree (public.idx(n));]",
        "error: could not execute query: ERROR:  insert or update on table \"child\" violates foreign key constraint \"child_n_fkey\" \
         [ALTER TABLE ONLY public.child]",
        "error: could not execute query: ERROR:  role \"seller\" does not exist [GRANT SELECT ON TABLE public.child TO seller;]",
        "error: could not execute query: ERROR:  not here 1 [REFRESH MATERIALIZED VIEW public.seen;]",
    ];
    assert_eq!((outcome.lost, outcome.attention), (lost.map(String::from).into(), attention.map(String::from).into()));
}

#[test]
fn what_is_not_in_the_closed_list_is_not_harmless() {
    let outcome = classify(
        "pg_restore: while PROCESSING TOC:\n\
         pg_restore: from TOC entry 3300; 0 16390 TABLE DATA public orders postgres\n\
         pg_restore: error: COPY failed for table \"orders\": ERROR:  extension \"citext\" already exists\n\
         CONTEXT:  COPY orders, line 1\n\
         pg_restore: from TOC entry 7; 2615 99 SCHEMA - app postgres\n\
         pg_restore: error: could not execute query: ERROR:  schema \"app\" already exists\n\
         Command was: CREATE SCHEMA app;\n\
         pg_restore: from TOC entry 8; 1259 99 TABLE public EXTENSION postgres\n\
         pg_restore: error: could not execute query: ERROR:  must be owner of extension citext\n\
         pg_restore: warning: something new\n\
         pg_restore: warning: errors ignored on restore: 3\n",
    );
    assert_eq!((outcome.harmless.len(), outcome.attention.len(), outcome.lost.len()), (0, 2, 2), "{outcome:?}");
    assert!(outcome.lost[0].ends_with("[3300; 0 16390 TABLE DATA public orders postgres]"), "{outcome:?}");
}

#[test]
fn words_inside_a_statement_do_not_excuse_it() {
    let outcome = classify(
        "pg_restore: error: could not execute query: ERROR:  relation \"t\" does not exist\n\
         Command was: COMMENT ON TABLE t IS 'ERROR:  schema \"public\" already exists';\n",
    );
    assert_eq!((outcome.attention.len(), outcome.harmless.len()), (1, 0));
}

#[test]
fn errors_that_were_not_told_are_lost() {
    let outcome = classify("pg_restore: warning: errors ignored on restore: 2\n");
    assert_eq!(outcome.lost, ["pg_restore counted errors and told of none"]);
    assert_eq!(classify("a word from elsewhere\n").lost.len(), 1);
}

#[test]
fn a_warning_of_the_server_is_no_loss_and_stands_for_no_error() {
    let outcome =
        classify("WARNING:  wal_level is insufficient\nHINT:  x\npg_restore: warning: errors ignored on restore: 1\n");
    assert_eq!(outcome.harmless, ["WARNING:  wal_level is insufficient"]);
    assert_eq!(outcome.lost, ["pg_restore counted errors and told of none"]);
}

/// Of what is tried again only the last word counts, and what was not tried stays.
#[test]
fn what_was_tried_again_is_told_by_its_last_word() {
    let entry = |object, line: &str| Entry { object, line: line.into() };
    let long = format!("CREATE INDEX a ON public.t USING btree (public.{}", "f".repeat(90));
    let mut outcome = Outcome {
        attention: vec![
            format!("error: … ERROR:  no f [{}...]", &long[..124]),
            "error: … ERROR:  no g [GRANT x]".into(),
        ],
        lost: vec!["error: COPY failed for table \"t\": ERROR:  no h".into()],
        ..Outcome::default()
    };
    outcome.forget(&[format!("{long}(n));")], &entry((1259, 9), "7; 1259 9 INDEX public a postgres"));
    assert_eq!((outcome.attention.len(), outcome.lost.len()), (1, 1), "{outcome:?}");
    let data = entry((0, 8), "8; 0 8 TABLE DATA public t postgres");
    outcome.forget(&[], &data);
    outcome.failed_again("psql:/tmp/x:7: ERROR:  no h at all\nCONTEXT:  COPY t, line 1", &data);
    assert_eq!(outcome.lost, ["COPY failed for table \"t\": no h at all [TABLE DATA public t postgres]"]);
    outcome.failed_again("psql:/tmp/x:7: ERROR:  no f", &entry((1259, 9), "7; 1259 9 INDEX public a postgres"));
    assert_eq!(outcome.attention.last().unwrap(), "no f [INDEX public a postgres]");
}
