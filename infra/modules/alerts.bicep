// What somebody should be alerted to. Each query returns a row for each reason to alert, and none when all is well.
param name string
param location string
param tags object
param applicationInsightsId string
param systemTopicId string

@description('Where alerts are sent. Empty: they are only shown in the portal.')
param email string

var rules = [
  {
    key: 'old-document'
    title: 'A document waits for more than an hour'
    why: 'Jobs end within seconds; an hour means throttling, a stuck job or a service that is down. Page "Stuck" in docs/deploy.md.'
    severity: 2
    window: 'PT15M'
    query: 'customMetrics | where name == "documents.oldest_unfinished_seconds" | summarize seconds = max(valueMax) | where seconds > 3600'
  }
  {
    key: 'errors'
    title: 'The app logged an error'
    why: 'The app says "error" only where somebody should look; waiting and retrying are warnings. Page "Poisoned" or "Wrong key" in docs/deploy.md.'
    severity: 2
    window: 'PT15M'
    query: 'union (traces | where severityLevel >= 3 and isnotempty(tostring(customDimensions["action"])) | project what = tostring(customDimensions["action"])), (exceptions | project what = type) | summarize times = count() by what'
  }
  {
    key: 'failed-documents'
    title: 'Many documents end with an error report'
    why: 'Single documents may be too large or not text; more than a tenth points at the sender or at the model. Error reports lie beside the results.'
    severity: 3
    window: 'PT1H'
    query: 'customMetrics | where name in ("documents.done", "documents.failed") | summarize done = sumif(valueSum, name == "documents.done"), failed = sumif(valueSum, name == "documents.failed") | where failed >= 5 and failed > (done + failed) / 10'
  }
  {
    key: 'throttling'
    title: 'The Language service turns away more than a fifth of the requests'
    why: 'The app waits and loses nothing, but documents get slow. Page "Throttled" in docs/deploy.md.'
    severity: 3
    window: 'PT30M'
    query: 'customMetrics | where name in ("service.requests", "service.throttled") | summarize requests = sumif(valueSum, name == "service.requests"), throttled = sumif(valueSum, name == "service.throttled") | where throttled >= 10 and throttled > requests / 5'
  }
  {
    key: 'expiry-90'
    title: 'A deployed model expires in less than 90 days'
    why: 'An expired deployment answers nothing, and documents wait. Train the model again and deploy it under the same name. Page "A deployment expires" in docs/deploy.md.'
    severity: 3
    window: 'PT1H'
    query: 'customMetrics | where name == "service.days_to_expiry" | summarize days = min(valueMin) by deployment = tostring(customDimensions["deployment"]), resource = tostring(customDimensions["resource"]) | where days > 30 and days <= 90'
  }
  {
    key: 'expiry-30'
    title: 'A deployed model expires in less than 30 days'
    why: 'An expired deployment answers nothing, and documents wait. Train the model again and deploy it under the same name. Page "A deployment expires" in docs/deploy.md.'
    severity: 2
    window: 'PT1H'
    query: 'customMetrics | where name == "service.days_to_expiry" | summarize days = min(valueMin) by deployment = tostring(customDimensions["deployment"]), resource = tostring(customDimensions["resource"]) | where days > 7 and days <= 30'
  }
  {
    key: 'expiry-7'
    title: 'A deployed model expires in less than 7 days'
    why: 'An expired deployment answers nothing, and documents wait. Train the model again and deploy it under the same name. Page "A deployment expires" in docs/deploy.md.'
    severity: 1
    window: 'PT1H'
    query: 'customMetrics | where name == "service.days_to_expiry" | summarize days = min(valueMin) by deployment = tostring(customDimensions["deployment"]), resource = tostring(customDimensions["resource"]) | where days <= 7'
  }
  {
    key: 'silence'
    title: 'The app has said nothing for half an hour'
    why: 'The sweep reports every five minutes even when there is nothing to do; silence means the app does not run.'
    severity: 1
    window: 'PT30M'
    query: 'customMetrics | where name == "documents.waiting" | summarize reports = count() | where reports == 0'
  }
]

resource receivers 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: name
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'EntityDrop'
    enabled: true
    emailReceivers: [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for item in rules: {
  name: '${name}-${item.key}'
  location: location
  tags: tags
  properties: {
    displayName: item.title
    description: item.why
    severity: item.severity
    enabled: true
    scopes: [applicationInsightsId]
    // Every quarter of an hour: nothing here is decided by minutes, and looking every five costs three times as much.
    evaluationFrequency: 'PT15M'
    windowSize: item.window
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: item.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(email) ? [] : [receivers.id] }
  }
}]

// Counted by Event Grid itself, so it is seen even when the app is down, which is when dead letters are made.
resource deadLetter 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-dead-letter'
  location: 'global'
  tags: tags
  properties: {
    description: 'An event could not be delivered for a day. The document is safe: reconcile picks it up at night. Page "Stuck" in docs/deploy.md.'
    severity: 2
    enabled: true
    scopes: [systemTopicId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'dead-lettered'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: receivers.id }]
  }
}
