//! Tokens.

use api::{NewToken, TokenView};

use super::{View, table, users};

pub fn list(tokens: &[TokenView], view: &View) -> String {
    if tokens.is_empty() {
        return "There are no tokens. rekindle tokens add NAME --role ROLE   makes one\n".to_owned();
    }
    let heads = ["ID", "NAME", "OF", "MAY", "ENDS", "LAST USED"].map(str::to_owned);
    let row = |token: &TokenView| {
        let used = token.last_used.map_or("never".to_owned(), |at| view.short_with_zone(at));
        let ends = view.zoned(token.expires).strftime("%-d %b %Y %H:%M %Z").to_string();
        [token.id.clone(), token.name.clone(), token.owner.clone(), users::grants(&token.grants), ends, used]
    };
    table::aligned(&std::iter::once(heads).chain(tokens.iter().map(row)).collect::<Vec<_>>())
}

pub fn made(made: &NewToken, view: &View) -> String {
    format!(
        "{}\n\nThis is the only time that it is shown. Keep it in a file of mode 0600 and use it by --token file:/PATH.\n\
         It may: {}. It ends {}. rekindle tokens revoke {} ends it before.\n",
        made.token.0,
        users::grants(&made.view.grants),
        view.zoned(made.view.expires).strftime("%-d %b %Y %H:%M %Z"),
        made.view.id,
    )
}
